// Starting a program by its argument vector (never through a shell), waiting for it without polling, ending
// it with everything that it started.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace assay {

using Arguments = std::vector<std::string>;
using Environment = std::vector<std::pair<std::string, std::string>>;

/// As a person would type it into a shell: quoted where it must be. For display only, nothing is run this
/// way.
std::string shell_quoted(const Arguments& arguments);

/// The program as it would be found: a path with '/' itself when executable, else the first in PATH; empty if
/// none.
std::filesystem::path find_program(const std::string& name);

struct ProcessSpec {
  Arguments arguments;                                    ///< the first is the program, looked for in PATH
  Environment environment;                                ///< added to the inherited one
  std::filesystem::path standard_output, standard_error;  ///< files; empty: /dev/null
};

struct ProcessEnd {
  int exit_code = 0;   ///< meaningful when signal is 0
  int signal = 0;      ///< that ended it
  double seconds = 0;  ///< from start to end
};

/// "SIGSEGV", or "signal 77".
std::string signal_name(int signal);

/// From now on, what a child leaves behind becomes a child of this process, so that it can be ended too.
/// MPICH's Hydra gives each rank a session of its own: no process group reaches them.
void adopt_orphans();

/// Kills all children of this process and waits for them; gives their number. Call when no Process runs.
int end_orphans();

/// One running child, in a process group of its own. Not copyable; the destructor kills what still runs.
class Process {
 public:
  /// Throws Error(cannot_run) when the program is missing or cannot be started.
  explicit Process(const ProcessSpec& spec);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  int descriptor() const { return pidfd_; }  ///< readable (poll) when it has ended
  pid_t id() const { return pid_; }
  /// Its end, when it has ended.
  std::optional<ProcessEnd> ended();
  /// SIGTERM to the group, `grace_s` to go, then SIGKILL. Returns when it is gone.
  ProcessEnd terminate(double grace_s);

 private:
  bool wait_for(double seconds);
  void collect(bool block);

  pid_t pid_ = -1;
  int pidfd_ = -1;
  double started_s_ = 0;
  std::optional<ProcessEnd> end_;
};

/// What a short command writes to its streams "stdout" and "stderr", files in `folder`, one after the other;
/// empty when it fails or takes longer than 20 s.
std::string output_of(const Arguments& arguments, const std::filesystem::path& folder);

/// Seconds of a steady clock.
double steady_seconds();

}  // namespace assay
