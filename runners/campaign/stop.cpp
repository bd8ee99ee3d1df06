#include "runners/campaign/stop.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace assay {
namespace {

// What a signal handler may touch has to be static.
std::array<int, 2> pipe_ends = {-1, -1};
volatile std::sig_atomic_t caught = 0;
constexpr std::array<int, 3> signals = {SIGINT, SIGTERM, SIGHUP};
std::array<struct sigaction, 3> before;

void on_signal(int signal) {
  const int kept = errno;
  caught = signal;
  [[maybe_unused]] const ssize_t told = ::write(pipe_ends[1], "!", 1);
  errno = kept;
}

}  // namespace

StopRequest::StopRequest() {
  caught = 0;
  if (::pipe2(pipe_ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) pipe_ends = {-1, -1};
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &action, &before[i]);
}

StopRequest::~StopRequest() {
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before[i], nullptr);
  for (int& end : pipe_ends) {
    if (end >= 0) ::close(end);
    end = -1;
  }
}

int StopRequest::descriptor() const {
  return pipe_ends[0];
}

int StopRequest::signal() const {
  return caught;
}

}  // namespace assay
