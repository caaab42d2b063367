// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of handlers for the vector extension of this machine.
#include "Handlers.h"

#include <string>
#include <unordered_map>

namespace cameo::ptx {

void tensorRows(HandlerRows &rows);     // Tensor.cpp
void deviceCallRows(HandlerRows &rows); // DeviceCalls.cpp
void tensorMapRows(HandlerRows &rows); // TensorMapReplace.cpp
void remoteCopyRows(HandlerRows &rows); // RemoteCopy.cpp

namespace {

int chosenLevel = 0;

bool machineHas(int level) {
#if defined(__x86_64__) && defined(CAMEO_PTX_HAS_V3)
  __builtin_cpu_init();
  if (level == 4)
    return __builtin_cpu_supports("x86-64-v4");
  if (level == 3)
    return __builtin_cpu_supports("x86-64-v3");
#endif
  return level == 2;
}

int level() {
  if (!chosenLevel)
    chosenLevel = machineHas(4) ? 4 : machineHas(3) ? 3 : 2;
  return chosenLevel;
}

#define CAMEO_PTX_ADD_ROWS(NAME)                                                                   \
  NAME::integerRows(rows), NAME::bitFieldRows(rows), NAME::floatRows(rows), NAME::halfRows(rows), NAME::compareRows(rows),   \
      NAME::mathRows(rows), NAME::convertRows(rows), NAME::memoryRows(rows),                       \
      NAME::atomicRows(rows), NAME::warpRows(rows), NAME::matrixRows(rows),                        \
      NAME::mmaRows(rows), NAME::wmmaRows(rows), NAME::wgmmaProductRows(rows)

std::unordered_map<std::string_view, Handler> makeTable() {
  HandlerRows rows;
  controlRows(rows);
  syncRows(rows);
  asyncRows(rows);
  mbarrierRows(rows);
  bulkRows(rows);
  clusterRows(rows);
  remoteCopyRows(rows);
  tensorMapRows(rows);
  tensorRows(rows);
  wgmmaRows(rows);
  registerPoolRows(rows);
  deviceCallRows(rows);
#ifdef CAMEO_PTX_HAS_V3
  if (level() == 4)
    CAMEO_PTX_ADD_ROWS(v4);
  else if (level() == 3)
    CAMEO_PTX_ADD_ROWS(v3);
  else
#endif
    CAMEO_PTX_ADD_ROWS(base);
  std::unordered_map<std::string_view, Handler> table;
  for (const HandlerRow &row : rows)
    table.emplace(row.name, row.run);
  return table;
}

} // namespace

Handler findHandler(std::string_view name) {
  static const std::unordered_map<std::string_view, Handler> table = makeTable();
  auto it = table.find(name);
  return it == table.end() ? nullptr : it->second;
}

const char *vectorExtension() {
  static constexpr const char *names[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
#if defined(__x86_64__)
  return names[level() - 2];
#else
  return names[0] ? "generic" : "";
#endif
}

bool chooseVectorExtension(int wanted) {
  if (wanted != 0 && !machineHas(wanted))
    return false;
  chosenLevel = wanted;
  return true;
}

} // namespace cameo::ptx
