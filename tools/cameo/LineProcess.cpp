// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See LineProcess.h. The pipes are closed on exec, so that children of other threads do not hold them.
#include "LineProcess.h"

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;

namespace cameo::tool {

std::optional<json::Value> LineProcess::ask(const std::string &line, double seconds,
                                            std::string &failure) {
  failure = "crash";
  if (pid < 0 && !start())
    return std::nullopt;
  std::string text = line + "\n";
  if (write(toChild, text.data(), text.size()) != ssize_t(text.size())) {
    stop();
    return std::nullopt;
  }
  auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (true) {
    size_t newline = pending.find('\n');
    if (newline != std::string::npos) {
      auto parsed = json::parse(pending.substr(0, newline));
      pending.erase(0, newline + 1);
      if (parsed)
        return std::move(*parsed);
      consumeError(parsed.takeError());
      continue;
    }
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd waiting{fromChild, POLLIN, 0};
    int ready = left.count() > 0 ? poll(&waiting, 1, int(left.count())) : 0;
    char buffer[4096];
    ssize_t count = ready > 0 ? read(fromChild, buffer, sizeof buffer) : 0;
    if (ready <= 0 || count <= 0) {
      failure = ready <= 0 ? "timeout" : "crash";
      stop();
      return std::nullopt;
    }
    pending.append(buffer, size_t(count));
  }
}

bool LineProcess::start() {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC))
    return false;
  if (pipe2(out, O_CLOEXEC)) {
    close(in[0]);
    close(in[1]);
    return false;
  }
  // Before fork: afterwards a child of a threaded process must not allocate.
  std::vector<char *> argv;
  for (std::string &argument : command)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid = fork();
  if (pid == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  toChild = in[1];
  fromChild = out[0];
  pending.clear();
  return pid > 0;
}

void LineProcess::stop() {
  if (pid <= 0)
    return;
  close(toChild);
  close(fromChild);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  pid = -1;
}

} // namespace cameo::tool
