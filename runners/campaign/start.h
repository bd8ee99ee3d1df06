// One start: its process groups side by side, watched until all have ended, timed out or were asked to stop.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "reports/record/request.h"
#include "runners/campaign/results.h"
#include "runners/campaign/stop.h"
#include "runners/launch/launcher.h"

namespace assay {

struct GroupToRun {
  std::filesystem::path folder;  ///< for request, results, output; made by the caller
  Arguments command;
};

struct StartToRun {
  std::vector<GroupToRun> groups;
  Environment environment;
  std::vector<double> limits_s;  ///< per position: longest time between its progress line and the next
  double startup_s = 60;         ///< added before the first progress line
};

struct GroupOutcome {
  GroupEnd end;
  std::string results;  ///< the text of results.jsonl, empty when there is none
};

/// Tells that files in some folders have grown, without looking at them again and again. Kept for a whole
/// campaign: closing it costs the kernel some 15 ms.
class FolderWatch {
 public:
  FolderWatch();
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// Where it cannot watch (or another node writes to a network file system), the caller looks at times
  /// anyway.
  void add(const std::filesystem::path& folder);
  /// Forgets all folders.
  void clear();
  int descriptor() const { return descriptor_; }
  /// Takes the events that are there.
  void drain() const;

 private:
  int descriptor_;
  std::vector<int> watches_;
};

/// `on_case(position)` is told when the first group begins a case.
/// Throws Error(cannot_run) when a command cannot be started.
std::vector<GroupOutcome> run_groups(const StartToRun& start, const Launcher& launcher, FolderWatch& watch,
                                     const StopRequest& stop, const std::function<void(int)>& on_case);

/// The last line of a text that is not blank, without control characters, at most 300 bytes.
std::string last_line(std::string_view text);

/// At most the last `most` bytes of a file; empty when it cannot be read.
std::string tail_of(const std::filesystem::path& file, std::size_t most = 65536);

}  // namespace assay
