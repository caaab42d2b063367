// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks ptxas what it makes of our PTX: registers, spills, and the C75xx advisories that mean it had to
// serialise. Tests use it; the compiler does not depend on it.
#include "cameo/Conversion/NVVMToPTX/NVVMToPTX.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace cameo;

static std::string findPtxas() {
  if (const char *path = std::getenv("CAMEO_PTXAS"))
    return path;
  for (llvm::StringRef folder : {"", "/usr/local/cuda/bin"}) {
    auto found = folder.empty() ? llvm::sys::findProgramByName("ptxas")
                                : llvm::sys::findProgramByName("ptxas", {folder});
    if (found)
      return *found;
  }
  return {};
}

/// The number before `word` in `line`, 0 when there is none.
static int numberBefore(llvm::StringRef line, llvm::StringRef word) {
  size_t at = line.find(word);
  if (at == llvm::StringRef::npos)
    return 0;
  llvm::StringRef head = line.take_front(at).rtrim();
  llvm::StringRef digits = head.take_back(head.size() - (head.find_last_not_of("0123456789") + 1));
  int value = 0;
  digits.getAsInteger(10, value);
  return value;
}

static void parseLog(llvm::StringRef log, AssemblyReport &report) {
  llvm::SmallVector<llvm::StringRef> lines;
  log.split(lines, '\n');
  for (llvm::StringRef line : lines) {
    if (line.contains("(C75") || line.contains("(C76") || line.contains("C7519"))
      report.advisories.push_back(line.str());
    if (size_t at = line.find("Compiling entry function '"); at != llvm::StringRef::npos) {
      llvm::StringRef name = line.drop_front(at + 26);
      report.kernels.emplace_back().name = name.take_until([](char c) { return c == '\''; }).str();
    }
    if (report.kernels.empty())
      continue;
    AssemblyReport::Kernel &kernel = report.kernels.back();
    kernel.spillStores = std::max(kernel.spillStores, numberBefore(line, " bytes spill stores"));
    kernel.spillLoads = std::max(kernel.spillLoads, numberBefore(line, " bytes spill loads"));
    kernel.registers = std::max(kernel.registers, numberBefore(line, " registers"));
    kernel.sharedBytes = std::max(kernel.sharedBytes, numberBefore(line, " bytes smem"));
  }
}

AssemblyReport cameo::assemblePtx(const std::string &ptx, const Target &target) {
  AssemblyReport report;
  std::string ptxas = findPtxas();
  if (ptxas.empty())
    return report;
  report.found = true;
  llvm::SmallString<64> input, output;
  int descriptor;
  if (llvm::sys::fs::createTemporaryFile("cameo", "ptx", descriptor, input))
    return report;
  llvm::raw_fd_ostream(descriptor, /*shouldClose=*/true) << ptx;
  if (llvm::sys::fs::createTemporaryFile("cameo", "log", output))
    return report;
  std::string arch = "-arch=" + std::string(target.name);
  llvm::StringRef arguments[] = {ptxas, arch, "-v", "-o", "/dev/null", input};
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, llvm::StringRef(output), llvm::StringRef(output)};
  report.ok = llvm::sys::ExecuteAndWait(ptxas, arguments, std::nullopt, redirects) == 0;
  if (auto buffer = llvm::MemoryBuffer::getFile(output))
    report.log = (*buffer)->getBuffer().str();
  parseLog(report.log, report);
  llvm::sys::fs::remove(input);
  llvm::sys::fs::remove(output);
  return report;
}
