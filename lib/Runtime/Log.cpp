// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The process-wide log callback. The level is read without the lock, so that silence costs nothing.

#include "Log.h"

#include <atomic>
#include <mutex>

namespace cameo::rt {

namespace {
std::mutex mutex;
LogCallback callback;
std::atomic<int> mostVerboseLevel{-1};
} // namespace

void setLog(LogCallback newCallback, LogLevel mostVerbose) {
  std::lock_guard lock(mutex);
  callback = std::move(newCallback);
  mostVerboseLevel = callback ? int(mostVerbose) : -1;
}

bool logs(LogLevel level) { return int(level) <= mostVerboseLevel.load(std::memory_order_relaxed); }

void log(LogLevel level, const std::string &message) {
  if (!logs(level))
    return;
  std::lock_guard lock(mutex);
  if (callback)
    callback(level, message.c_str());
}

} // namespace cameo::rt
