// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Messages for people go to a callback that the application sets, never to stdout or stderr: a
// library does not own those. Without a callback nothing is formatted.
#pragma once

#include <functional>
#include <string>

namespace cameo::rt {

enum class LogLevel : int { error = 0, warning = 1, info = 2, debug = 3 };

using LogCallback = std::function<void(LogLevel level, const char *message)>;

/// `callback` empty: silence. It may be called from several threads, one at a time.
void setLog(LogCallback callback, LogLevel mostVerbose);
bool logs(LogLevel level);
void log(LogLevel level, const std::string &message);

} // namespace cameo::rt
