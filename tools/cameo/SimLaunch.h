// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A launch of one kernel as launch.json describes it (docs/sim.md): everything that a host program would
// have done. The file comes from anyone, so nothing of it is believed: every problem is collected with the
// path of the value at fault (`args[2].init.seed`), sizes are checked before memory is taken, and a key that
// looks like a misspelt one is refused (others that we do not know are informative, as the format has it).
#pragma once

#include "Verbs.h"

#include "cameo/HostOps/HostTensor.h"
#include "cameo/Ptx/cameo_ptx.h"

#include "llvm/Support/JSON.h"

#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cameo::tool {

/// What is wrong with a launch file, and what is only worth a warning.
struct LaunchProblem {
  std::string path, message;
  ExitCode code = badInput;
  bool warning = false;
};
class LaunchProblems {
public:
  void add(const llvm::Twine &path, const llvm::Twine &message, ExitCode code = badInput);
  void warn(const llvm::Twine &path, const llvm::Twine &message);
  bool any() const { return exitCode() != ok; }
  /// Bad input comes before what is only unsupported.
  ExitCode exitCode() const;
  const std::vector<LaunchProblem> &all() const { return problems; }
  llvm::json::Array toJson() const;

private:
  std::vector<LaunchProblem> problems;
};

/// The keys of one JSON object, and which of them somebody has asked for.
class Fields {
public:
  Fields(const llvm::json::Object &object, std::string path, LaunchProblems &problems)
      : object(object), path(std::move(path)), problems(problems) {}
  std::string at(llvm::StringRef key) const { return path.empty() ? key.str() : path + "." + key.str(); }
  const llvm::json::Value *find(llvm::StringRef key);
  /// As `find`, but its absence is a problem.
  const llvm::json::Value *need(llvm::StringRef key);
  std::optional<int64_t> integer(llvm::StringRef key, int64_t low, int64_t high, bool required = true);
  std::optional<double> number(llvm::StringRef key, bool required = true);
  std::optional<std::string> string(llvm::StringRef key, bool required = true);
  std::optional<bool> boolean(llvm::StringRef key);
  /// The position of the text among `names`.
  std::optional<unsigned> choice(llvm::StringRef key, llvm::ArrayRef<llvm::StringRef> names,
                                 bool required = true);
  void bad(llvm::StringRef key, const llvm::Twine &message, ExitCode code = badInput) {
    problems.add(at(key), message, code);
  }
  /// A key that says nothing to the machine.
  void ignore(llvm::StringRef key) { informative.insert(key.str()); }
  void ignoreAll();
  /// Keys that nobody asked for: near misses are problems, others warnings.
  void finish();

  const llvm::json::Object &object;
  const std::string path;
  LaunchProblems &problems;

private:
  std::set<std::string> asked, informative = {"note"};
};

/// Ascending.
std::vector<std::string> keysOf(const llvm::json::Object &object);

enum class BufferRole { in, out, inout, scratch };

struct LaunchBuffer {
  std::string name, path;
  BufferRole role = BufferRole::in;
  host::HostTensor initial;
  uint64_t align = 256;
  std::optional<uint8_t> poison; ///< counts as never written
};

struct LaunchArgument {
  enum class Kind { Pointer, Null, Value, TensorMap, Struct } kind = Kind::Null;
  std::string path;
  size_t buffer = 0;          ///< of a pointer or a tensor map
  std::vector<uint8_t> bytes; ///< of a value
  cameo_ptx_tensor_map map{}; ///< without its address
  std::optional<int64_t> size, align, offset; ///< `param`, to be checked against the PTX
  std::vector<LaunchArgument> members;        ///< of a structure
  int64_t at = 0;        ///< of a member: its place in the structure
  size_t natural = 8;    ///< what C aligns it to
  size_t byteSize() const;
};

struct LaunchExpected {
  enum class Mode { Exact, AllClose, MultisetPrefix } mode = Mode::Exact;
  std::string path;
  size_t buffer = 0;
  host::HostTensor tensor; ///< at most as many elements as the buffer
  double relative = 0, absolute = 0;
  std::optional<size_t> countFrom; ///< the buffer that holds the number of valid elements
};

struct LaunchFile {
  std::string kernel; ///< "": the only one
  std::array<uint32_t, 3> grid{}, block{}, cluster{}; ///< cluster: zeros where the file has none
  uint32_t dynamicShared = 0;
  bool coResident = false;
  std::vector<LaunchBuffer> buffers;
  std::vector<LaunchArgument> args;
  std::vector<LaunchExpected> expected;
};

/// Where files are looked for, and what may be taken.
struct LaunchSource {
  std::string folder;     ///< of launch.json; files may not lie outside of it
  bool anywhere = false;  ///< the command line: files may
  uint64_t bytesLeft = 0; ///< of all buffers together
};

/// Parses the text (of a limited depth); a problem is reported and nothing returned where it is no JSON object.
std::optional<llvm::json::Object> parseLaunchText(llvm::StringRef text, LaunchProblems &problems);
/// Reads all of it; usable only if there are no problems afterwards.
LaunchFile readLaunch(const llvm::json::Object &object, LaunchSource &source, LaunchProblems &problems);

/// The fields of a tensor map (SimTensorMap.cpp); `over` is the caller's. False after a problem.
bool readTensorMap(Fields &fields, cameo_ptx_tensor_map &map);

// -- SimInit.cpp ------------------------------------------------------------------------------------

/// An element type by any of its usual names (f32, float32, fp32, …); those of whole bytes that are real.
std::optional<DType> launchDType(llvm::StringRef text);
/// The tensor that `init` describes, `poison` set where it is one. `dtype` and `dims` may be missing where
/// a file has them. Nothing after a problem.
std::optional<host::HostTensor> initialTensor(Fields &init, std::optional<DType> dtype,
                                              const std::optional<host::Dims> &dims,
                                              LaunchSource &source, std::optional<uint8_t> &poison);
/// A file named by `key` with `stored_as`, as elements of `dtype` where that is known.
std::optional<host::HostTensor> tensorOfFile(Fields &fields, std::optional<DType> dtype, bool convertible,
                                             LaunchSource &source);
/// JSON numbers, booleans and "nan", "inf", "-inf" as elements; nested lists count as flat ones.
std::optional<host::HostTensor> tensorOfValues(Fields &fields, llvm::StringRef key, DType dtype);

} // namespace cameo::tool
