#include "runners/launch/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

#include "reports/base/error.h"
#include "reports/base/files.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX asks the program to declare it

namespace assay {
namespace {

int open_output(const std::filesystem::path& path) {
  const char* name = path.empty() ? "/dev/null" : path.c_str();
  const int descriptor = ::open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    throw Error(ExitStatus::cannot_run, std::string("cannot write ") + name + ": " + std::strerror(errno),
                "free some space or choose another folder with --out");
  }
  return descriptor;
}

/// Inherited variables with the added ones over them.
std::vector<std::string> environment_of(const Environment& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (std::none_of(added.begin(), added.end(), [&](const auto& one) { return one.first == name; })) {
      all.emplace_back(text);
    }
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

/// In the child, after fork: only calls that are safe there. Writes errno to `report` when exec fails.
[[noreturn]] void become(char* const* arguments, char* const* variables, int output, int error, int report,
                         pid_t parent) {
  ::setpgid(0, 0);
  // When the runner is killed outright its launch must not go on alone.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGQUIT}) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int input = ::open("/dev/null", O_RDONLY);
  if (::dup2(input, 0) >= 0 && ::dup2(output, 1) >= 0 && ::dup2(error, 2) >= 0) {
    if (input > 2) ::close(input);
    ::execvpe(arguments[0], arguments, variables);
  }
  const int reason = errno;
  [[maybe_unused]] const ssize_t told = ::write(report, &reason, sizeof reason);
  ::_exit(127);
}

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string shell_quoted(const Arguments& arguments) {
  static constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+";
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && argument.find_first_not_of(plain) == std::string::npos) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

std::filesystem::path find_program(const std::string& name) {
  const auto executable = [](const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos)
    return executable(name) ? std::filesystem::path(name) : std::filesystem::path();
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto candidate = std::filesystem::path(folder.empty() ? "." : folder) / name;
    if (executable(candidate)) return candidate;
  }
  return {};
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

void adopt_orphans() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int end_orphans() {
  int ended = 0;
  for (;;) {
    const pid_t gone = ::waitpid(-1, nullptr, WNOHANG);
    if (gone > 0) {
      ++ended;
      continue;
    }
    if (gone < 0) return ended;  // no child is left
    // Some child still runs: find it. Reading /proc costs little and is rare.
    bool found = false;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream stat(entry.path() / "stat");
      std::string line;
      std::getline(stat, line);
      const std::size_t after_name = line.rfind(')');
      if (after_name == std::string::npos) continue;
      std::istringstream rest(line.substr(after_name + 1));
      char state = 0;
      pid_t parent = 0;
      rest >> state >> parent;
      if (parent != ::getpid()) continue;
      found = true;
      if (state != 'Z') ::kill(static_cast<pid_t>(std::stol(name)), SIGKILL);
    }
    if (!found) return ended;
    ::poll(nullptr, 0, 1);
  }
}

Process::Process(const ProcessSpec& spec) {
  std::vector<std::string> arguments = spec.arguments;
  std::vector<std::string> variables = environment_of(spec.environment);
  const std::vector<char*> argument_pointers = pointers(arguments);
  const std::vector<char*> variable_pointers = pointers(variables);
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    throw Error(ExitStatus::cannot_run, std::string("cannot make a pipe: ") + std::strerror(errno),
                "raise ulimit -n");
  }
  int output = -1, error = -1;
  try {
    output = open_output(spec.standard_output);
    error = open_output(spec.standard_error);
  } catch (...) {
    if (output >= 0) ::close(output);
    ::close(report[0]);
    ::close(report[1]);
    throw;
  }
  const pid_t parent = ::getpid();
  started_s_ = steady_seconds();
  pid_ = ::fork();
  if (pid_ == 0) {
    become(argument_pointers.data(), variable_pointers.data(), output, error, report[1], parent);
  }
  const int fork_reason = errno;
  ::close(output);
  ::close(error);
  ::close(report[1]);
  int reason = pid_ < 0 ? fork_reason : 0;
  if (pid_ > 0) {
    ::setpgid(pid_, pid_);  // in both processes: neither may come too late
    ssize_t got = 0;
    do {
      got = ::read(report[0], &reason, sizeof reason);
    } while (got < 0 && errno == EINTR);
    if (got != static_cast<ssize_t>(sizeof reason)) reason = 0;
  }
  ::close(report[0]);
  if (reason != 0) {
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
    throw Error(ExitStatus::cannot_run,
                "cannot start " + spec.arguments.front() + ": " + std::strerror(reason),
                "check that it is installed and executable (assay doctor)");
  }
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      started_s_(other.started_s_),
      end_(other.end_) {}

Process::~Process() {
  if (pid_ > 0 && !end_) {
    ::kill(-pid_, SIGKILL);
    collect(true);
  }
  if (pidfd_ >= 0) ::close(pidfd_);
}

void Process::collect(bool block) {
  if (end_ || pid_ <= 0) return;
  int status = 0;
  pid_t got = 0;
  do {
    got = ::waitpid(pid_, &status, block ? 0 : WNOHANG);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return;
  ProcessEnd end;
  end.seconds = steady_seconds() - started_s_;
  if (got > 0 && WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  if (got > 0 && WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  if (got < 0) end.exit_code = 127;
  end_ = end;
}

std::optional<ProcessEnd> Process::ended() {
  collect(false);
  return end_;
}

bool Process::wait_for(double seconds) {
  const double until_s = steady_seconds() + seconds;
  while (!ended()) {
    const double left_s = until_s - steady_seconds();
    if (left_s <= 0) return false;
    // Without pidfd (an old kernel) look again every 5 ms.
    pollfd watched{pidfd_, POLLIN, 0};
    const double wait_s = pidfd_ >= 0 ? left_s : std::min(left_s, 0.005);
    ::poll(&watched, pidfd_ >= 0 ? 1 : 0, static_cast<int>(wait_s * 1000) + 1);
  }
  return true;
}

ProcessEnd Process::terminate(double grace_s) {
  if (!ended()) {
    ::kill(-pid_, SIGTERM);
    if (!wait_for(grace_s)) {
      ::kill(-pid_, SIGKILL);
      collect(true);
    }
  }
  ::kill(-pid_, SIGKILL);  // members of the group that outlived their leader
  return *end_;
}

std::string output_of(const Arguments& arguments, const std::filesystem::path& folder) {
  try {
    Process process({arguments, {}, folder / "stdout", folder / "stderr"});
    pollfd watched{process.descriptor(), POLLIN, 0};
    ::poll(&watched, 1, 20000);
    const ProcessEnd end = process.terminate(1);
    if (end.exit_code != 0 || end.signal != 0) return {};
    return read_file(folder / "stdout") + read_file(folder / "stderr");
  } catch (const Error&) {
    return {};
  }
}

}  // namespace assay
