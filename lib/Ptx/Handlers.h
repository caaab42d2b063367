// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions that execute operations, found by a canonical name ("add.b32", "ld.shared.4") when
// a kernel is decoded. Their sources are compiled once per vector extension, in a namespace each;
// cpuid picks one at the first use.
#ifndef CAMEO_LIB_PTX_HANDLERS_H
#define CAMEO_LIB_PTX_HANDLERS_H

#include "Exec.h"

#include <string_view>

namespace cameo::ptx {

struct HandlerRow {
  const char *name;
  Handler run;
};
using HandlerRows = std::vector<HandlerRow>;

/// Null where no handler has this name.
Handler findHandler(std::string_view name);
/// "x86-64-v3" and so on.
const char *vectorExtension();
/// For tests and benchmarks: 0 for the best that this machine has, else 2, 3 or 4. Only before the
/// first module is parsed; false where the machine or the build lacks it.
bool chooseVectorExtension(int level);

// Handlers that don't depend on vector extensions.
void controlRows(HandlerRows &rows);
void syncRows(HandlerRows &rows);
void asyncRows(HandlerRows &rows);
void mbarrierRows(HandlerRows &rows);
void bulkRows(HandlerRows &rows);
void clusterRows(HandlerRows &rows);
void wgmmaRows(HandlerRows &rows);
void registerPoolRows(HandlerRows &rows);

#define CAMEO_PTX_DECLARE_ROWS(NAME)                                                               \
  namespace NAME {                                                                                 \
  void integerRows(HandlerRows &rows);                                                             \
  void floatRows(HandlerRows &rows);                                                               \
  void halfRows(HandlerRows &rows);                                                                \
  void compareRows(HandlerRows &rows);                                                             \
  void mathRows(HandlerRows &rows);                                                                \
  void convertRows(HandlerRows &rows);                                                             \
  void memoryRows(HandlerRows &rows);                                                              \
  void bitFieldRows(HandlerRows &rows);                                                            \
  void atomicRows(HandlerRows &rows);                                                              \
  void warpRows(HandlerRows &rows);                                                                \
  void wgmmaProductRows(HandlerRows &rows);                                                        \
  void wmmaRows(HandlerRows &rows);                                                                \
  void mmaRows(HandlerRows &rows);                                                                 \
  void matrixRows(HandlerRows &rows);                                                              \
  }
CAMEO_PTX_DECLARE_ROWS(base)
CAMEO_PTX_DECLARE_ROWS(v3)
CAMEO_PTX_DECLARE_ROWS(v4)

} // namespace cameo::ptx

#ifndef CAMEO_PTX_ISA
#define CAMEO_PTX_ISA base
#endif

#endif
