// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Limits.h.

#include "Limits.h"

#include "Verbs.h"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <fstream>
#include <mutex>
#include <set>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

using namespace llvm;

namespace cameo::tool {

namespace {

using Clock = std::chrono::steady_clock;

/// Shared with the watching thread, which may outlive main's locals: never destroyed.
struct State {
  std::mutex mutex;
  std::condition_variable released;
  std::set<std::string> temporaries; ///< files and folders to remove
  unsigned holds = 0;                ///< files being written
  bool ending = false;
  pid_t child = 0;
};

State &state() {
  static State *only = new State;
  return *only;
}

void say(const std::string &text) {
  // Not errs(): the main thread may be inside of it.
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void removeTemporaries(const std::set<std::string> &paths) {
  for (const std::string &path : paths)
    if (sys::fs::is_directory(path))
      sys::fs::remove_directories(path);
    else
      sys::fs::remove(path);
}

[[noreturn]] void endNow(int code, const std::string &why) {
  State &s = state();
  std::unique_lock lock(s.mutex);
  s.ending = true;
  if (s.child > 0)
    ::kill(s.child, SIGKILL);
  // Whoever writes notices within milliseconds; a disk that does not answer is not waited for.
  s.released.wait_for(lock, std::chrono::milliseconds(700), [&] { return s.holds == 0; });
  removeTemporaries(s.temporaries);
  say(std::string(isatty(STDERR_FILENO) ? "\r\033[K" : "") + "error: " + why + "\n");
  sys::RunInterruptHandlers(); // files that LLVM has open for us
  ::_exit(code);
}

/// A file is being written: the end waits for it, and the writer does not return once the end has come.
class Hold {
public:
  Hold() {
    std::unique_lock lock(state().mutex);
    wait(lock);
    ++state().holds;
  }
  ~Hold() {
    State &s = state();
    std::unique_lock lock(s.mutex);
    --s.holds;
    s.released.notify_all();
    wait(lock);
  }

private:
  static void wait(std::unique_lock<std::mutex> &lock) {
    while (state().ending) { // the other thread exits in a moment
      lock.unlock();
      std::this_thread::sleep_for(std::chrono::seconds(1));
      lock.lock();
    }
  }
};

bool isEnding() {
  std::lock_guard lock(state().mutex);
  return state().ending;
}

void watch(sigset_t signals, double seconds) {
  auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(seconds));
  while (true) {
    int signal = 0;
    if (seconds > 0) {
      auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - Clock::now());
      if (left.count() <= 0)
        endNow(timeLimit, formatv("the time limit of {0:f3} s passed", seconds).str());
      timespec wait = {time_t(left.count() / 1000000000), long(left.count() % 1000000000)};
      signal = ::sigtimedwait(&signals, nullptr, &wait);
    } else {
      signal = ::sigwaitinfo(&signals, nullptr);
    }
    if (signal > 0)
      endNow(interrupted, "interrupted");
  }
}

void outOfMemory(void *, const char *, bool) {
  // From here on there is memory again, for the little that is left to do.
  rlimit limit;
  if (::getrlimit(RLIMIT_DATA, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_DATA, &limit);
  }
  // This thread may hold the lock itself; then it was about to add nothing yet.
  std::unique_lock lock(state().mutex, std::try_to_lock);
  if (lock)
    removeTemporaries(state().temporaries);
  say("error: the memory limit was reached (see --memory-limit)\n");
  sys::RunInterruptHandlers();
  ::_exit(ioOrMemory);
}

/// MemAvailable of /proc/meminfo in bytes.
std::optional<uint64_t> availableMemory() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (uint64_t value = 0; file >> name >> value; std::getline(file, unit))
    if (name == "MemAvailable:")
      return value * 1024;
  return std::nullopt;
}

} // namespace

void watchForEnd(double seconds) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(watch, signals, seconds).detach();
}

Result<TemporaryFolder> TemporaryFolder::create(const std::string &prefix) {
  SmallString<128> path;
  std::lock_guard lock(state().mutex);
  if (std::error_code error = sys::fs::createUniqueDirectory(prefix, path))
    return Error{ErrorCode::resources, "no temporary folder: " + error.message()};
  TemporaryFolder result;
  result.folder = path.str().str();
  state().temporaries.insert(result.folder);
  return result;
}

TemporaryFolder::~TemporaryFolder() {
  if (folder.empty())
    return;
  sys::fs::remove_directories(folder);
  std::lock_guard lock(state().mutex);
  state().temporaries.erase(folder);
}

Status writeFile(const std::string &path, StringRef bytes) {
  Hold hold;
  std::string temporary = path + ".new-" + std::to_string(::getpid());
  std::error_code error;
  {
    raw_fd_ostream file(temporary, error);
    for (size_t at = 0; at < bytes.size() && !error && !isEnding(); at += 1 << 22)
      file << bytes.substr(at, 1 << 22);
    if (!error && (file.close(), file.has_error())) {
      error = file.error();
      file.clear_error();
    }
  }
  if (!error && !isEnding())
    error = sys::fs::rename(temporary, path);
  sys::fs::remove(temporary); // gone already if all went well
  if (error)
    return Error{ErrorCode::resources, "cannot write '" + path + "': " + error.message()};
  return {};
}

Status writeBundleWatched(const BundleDesc &desc, const std::string &path) {
  Hold hold;
  return writeBundle(desc, path, isEnding);
}

int runChild(StringRef program, ArrayRef<StringRef> arguments, std::string &message) {
  sys::ProcessInfo started;
  {
    std::lock_guard lock(state().mutex);
    bool failed = false;
    started = sys::ExecuteNoWait(program, arguments, std::nullopt, {}, 0, &message, &failed);
    if (failed)
      return -1;
    state().child = pid_t(started.Pid);
  }
  int status = sys::Wait(started, std::nullopt, &message).ReturnCode;
  std::lock_guard lock(state().mutex);
  state().child = 0;
  return status;
}

HostMemoryLimit::HostMemoryLimit(uint64_t bytes) {
  if (bytes == 0) {
    std::optional<uint64_t> available = availableMemory();
    if (!available)
      return;
    bytes = *available / 5 * 4;
  }
  static bool installed = (install_bad_alloc_error_handler(outOfMemory), true);
  (void)installed;
  rlimit limit;
  if (::getrlimit(RLIMIT_DATA, &limit) != 0)
    return;
  before = limit.rlim_cur;
  limit.rlim_cur = std::min<rlim_t>(bytes, limit.rlim_max);
  if (::setrlimit(RLIMIT_DATA, &limit) != 0)
    before.reset();
}

HostMemoryLimit::~HostMemoryLimit() {
  rlimit limit;
  if (before && ::getrlimit(RLIMIT_DATA, &limit) == 0) {
    limit.rlim_cur = *before;
    ::setrlimit(RLIMIT_DATA, &limit);
  }
}

} // namespace cameo::tool
