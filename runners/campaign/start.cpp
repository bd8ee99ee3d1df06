#include "runners/campaign/start.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/evidence/layout.h"

namespace assay {
namespace {

constexpr double grace_s = 5;

/// Tells a process group when it was launched, for the time from there to its first barrier.
constexpr const char* launched_variable = "ASSAY_LAUNCHED";

std::string epoch_seconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.6f", std::chrono::duration<double>(since).count());
  return text.data();
}

/// One running group and how far it has come.
struct Running {
  Process process;
  std::filesystem::path folder;
  std::streamoff read_to = 0;  ///< in its results file
  std::string rest;            ///< begin of a line
  int position = 0;            ///< last announced
  double deadline_s = 0;
  double limit_s = 0;  ///< behind the deadline
  std::optional<GroupEnd> end;
};

class Watcher {
 public:
  Watcher(const StartToRun& start, const Launcher& launcher, FolderWatch& watch, const StopRequest& stop,
          const std::function<void(int)>& on_case)
      : start_(start), launcher_(launcher), watch_(watch), stop_(stop), on_case_(on_case) {}

  std::vector<GroupOutcome> run() {
    for (const GroupToRun& group : start_.groups) {
      watch_.add(group.folder);
      Environment environment = start_.environment;
      environment.emplace_back(launched_variable, epoch_seconds());
      running_.push_back(
          {Process({group.command, std::move(environment), group.folder / layout::standard_output,
                    group.folder / layout::standard_error}),
           group.folder,
           0,
           {},
           0,
           steady_seconds() + start_.startup_s + start_.limits_s.front(),
           start_.startup_s + start_.limits_s.front(),
           std::nullopt});
    }
    while (std::any_of(running_.begin(), running_.end(), [](const Running& one) { return !one.end; })) {
      wait();
      look();
    }
    // Ranks that outlived their launcher would disturb the next launch.
    end_orphans();
    watch_.clear();
    std::vector<GroupOutcome> outcomes;
    for (Running& one : running_) outcomes.push_back(outcome_of(one));
    return outcomes;
  }

 private:
  void wait() const {
    std::vector<pollfd> watched = {{stop_.descriptor(), POLLIN, 0}, {watch_.descriptor(), POLLIN, 0}};
    double until_s = steady_seconds() + 1;  // other nodes' writes may come without an event
    for (const Running& one : running_) {
      if (one.end) continue;
      watched.push_back({one.process.descriptor(), POLLIN, 0});
      until_s = std::min(until_s, one.process.descriptor() >= 0 ? one.deadline_s : steady_seconds() + 0.005);
    }
    const double left_s = std::max(0.0, until_s - steady_seconds());
    ::poll(watched.data(), watched.size(), static_cast<int>(left_s * 1000) + 1);
  }

  void look() {
    watch_.drain();
    for (Running& one : running_) {
      if (one.end) continue;
      follow(one);
      if (const auto end = one.process.ended()) {
        finish(one, *end, GroupEnd::How::by_itself);
      } else if (stop_.signal() != 0) {
        finish(one, one.process.terminate(grace_s), GroupEnd::How::interrupted);
      } else if (steady_seconds() >= one.deadline_s) {
        finish(one, one.process.terminate(grace_s), GroupEnd::How::timed_out);
      }
    }
  }

  /// Reads what was appended: each progress line moves the deadline on.
  void follow(Running& one) {
    std::ifstream file(one.folder / layout::results, std::ios::binary);
    if (!file.seekg(one.read_to)) return;
    std::ostringstream grown;
    grown << file.rdbuf();
    one.rest += grown.str();
    one.read_to += static_cast<std::streamoff>(grown.str().size());
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = one.rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const auto position = parse_progress(std::string_view(one.rest).substr(begin, end - begin));
      // Only forwards: a worker that repeats itself gains no time.
      if (!position || *position <= one.position || *position > static_cast<int>(start_.limits_s.size()))
        continue;
      one.position = *position;
      one.limit_s = start_.limits_s[static_cast<std::size_t>(*position - 1)];
      one.deadline_s = steady_seconds() + one.limit_s;
      if (&one == running_.data() && on_case_) on_case_(*position);
    }
    one.rest.erase(0, begin);
  }

  void finish(Running& one, const ProcessEnd& ended, GroupEnd::How how) const {
    GroupEnd end;
    end.how = how;
    end.exit_code = ended.exit_code;
    end.signal = ended.signal;
    end.seconds = ended.seconds;
    end.limit_s = one.limit_s;
    if (how == GroupEnd::How::interrupted) end.interrupted_by = signal_name(stop_.signal());
    one.end = end;
  }

  GroupOutcome outcome_of(Running& one) const {
    GroupOutcome outcome{*one.end, {}};
    const std::string error = tail_of(one.folder / layout::standard_error);
    outcome.end.last_words = last_line(error);
    if (outcome.end.how == GroupEnd::How::by_itself &&
        (outcome.end.exit_code != 0 || outcome.end.signal != 0)) {
      outcome.end.cause = launcher_.cause(tail_of(one.folder / layout::standard_output), error);
    }
    std::error_code failure;
    if (std::filesystem::exists(one.folder / layout::results, failure)) {
      outcome.results = read_file(one.folder / layout::results);
    }
    return outcome;
  }

  const StartToRun& start_;
  const Launcher& launcher_;
  FolderWatch& watch_;
  const StopRequest& stop_;
  const std::function<void(int)>& on_case_;
  std::vector<Running> running_;
};

}  // namespace

FolderWatch::FolderWatch() : descriptor_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

FolderWatch::~FolderWatch() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FolderWatch::add(const std::filesystem::path& folder) {
  if (descriptor_ < 0) return;
  const int watch = ::inotify_add_watch(descriptor_, folder.c_str(), IN_MODIFY | IN_CREATE);
  if (watch >= 0) watches_.push_back(watch);
}

void FolderWatch::clear() {
  for (const int watch : watches_) ::inotify_rm_watch(descriptor_, watch);
  watches_.clear();
  drain();
}

void FolderWatch::drain() const {
  std::array<char, 4096> events{};
  while (descriptor_ >= 0 && ::read(descriptor_, events.data(), events.size()) > 0) {
  }
}

std::vector<GroupOutcome> run_groups(const StartToRun& start, const Launcher& launcher, FolderWatch& watch,
                                     const StopRequest& stop, const std::function<void(int)>& on_case) {
  return Watcher(start, launcher, watch, stop, on_case).run();
}

std::string last_line(std::string_view text) {
  while (!text.empty()) {
    const std::size_t newline = text.rfind('\n');
    std::string_view line = newline == std::string_view::npos ? text : text.substr(newline + 1);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      std::string clean(line.substr(0, 300));
      std::replace_if(
          clean.begin(), clean.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; },
          ' ');
      return clean;
    }
    text = newline == std::string_view::npos ? std::string_view() : text.substr(0, newline);
  }
  return {};
}

std::string tail_of(const std::filesystem::path& path, std::size_t most) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, file.tellg()));
  std::string text(std::min(size, most), '\0');
  file.seekg(static_cast<std::streamoff>(size - text.size()));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return text;
}

}  // namespace assay
