#include "runners/campaign/results.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "reports/base/error.h"
#include "reports/record/record_json.h"
#include "reports/record/unit.h"
#include "runners/launch/process.h"

namespace assay {
namespace {

/// What is known of one position while the lines are read.
struct Progress {
  bool begun = false;
  std::map<std::string, Record> by_node;
  std::string distrust;  ///< why what it wrote is not believed
};

class Reader {
 public:
  Reader(const StartRequest& request, const std::vector<std::string>& nodes)
      : request_(request), nodes_(nodes), progress_(request.cases.size()) {}

  void read(std::string_view text) {
    int number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = text.find('\n', begin);
      ++number;
      if (end == std::string_view::npos) {
        distrust("the last line that it wrote is cut off");
        cut_off_ = true;
        return;
      }
      read_line(text.substr(begin, end - begin), number);
      begin = end + 1;
    }
  }

  std::vector<Progress>& progress() { return progress_; }
  bool wrote_nothing() const { return !wrote_; }
  bool cut_off() const { return cut_off_; }

 private:
  Progress& at(int position) { return progress_[static_cast<std::size_t>(position - 1)]; }

  void distrust(const std::string& why) {
    wrote_ = true;
    Progress& now = at(current_);
    now.begun = true;
    if (now.distrust.empty()) now.distrust = why;
  }

  void read_line(std::string_view line, int number) {
    if (const auto position = parse_progress(line)) {
      if (*position < current_ || *position > static_cast<int>(progress_.size()) || at(*position).begun) {
        distrust("line " + std::to_string(number) + " announces case " + std::to_string(*position) +
                 " out of turn");
        return;
      }
      wrote_ = true;
      current_ = *position;
      at(current_).begun = true;
      return;
    }
    try {
      accept(parse_record(line, {"results.jsonl", number, 0}));
    } catch (const std::exception& error) {
      // What to do next is for people who restore files; here it is the worker that erred.
      const std::string_view words = error.what();
      distrust("it wrote what is not a record: " + std::string(words.substr(0, words.find("; "))));
    }
  }

  void accept(Record&& record) {
    const auto at_position = "case " + std::to_string(current_);
    const CaseIdentity wanted = request_.cases[static_cast<std::size_t>(current_ - 1)].identity;
    const CaseIdentity given{record.benchmark, record.parameters, record.geometry};
    if (record.start != request_.start) {
      distrust("it wrote a record of start " + std::to_string(record.start) + " in start " +
               std::to_string(request_.start));
    } else if (record.position != request_.cases[static_cast<std::size_t>(current_ - 1)].position) {
      distrust("it wrote a record of case " + std::to_string(record.position) + " while it ran " +
               at_position);
    } else if (given.key() != wanted.key() || record.geometry.nodes != wanted.geometry.nodes) {
      distrust("it wrote a record of another case: " + given.key());
    } else if (std::find(nodes_.begin(), nodes_.end(), record.node) == nodes_.end()) {
      distrust("it wrote a record of node '" + record.node + "', which is not in this process group");
    } else if (record.planted != request_.plant) {
      distrust("its record says planted '" + record.planted + "', but '" + request_.plant +
               "' was asked for");
    } else if (record.status == LaunchStatus::completed && (record.devices.empty() || record.foms.empty())) {
      distrust("its record says completed, but holds no figure of any device");
    } else if (record.status != LaunchStatus::completed && record.reason.empty()) {
      distrust("its record says that it did not complete, but not why");
    } else if (at(current_).by_node.contains(record.node)) {
      distrust("it wrote two records of node " + record.node);
    } else {
      wrote_ = true;
      at(current_).begun = true;
      at(current_).by_node.emplace(record.node, std::move(record));
    }
  }

  const StartRequest& request_;
  const std::vector<std::string>& nodes_;
  std::vector<Progress> progress_;
  int current_ = 1;
  bool wrote_ = false;
  bool cut_off_ = false;
};

Record empty_record(const StartRequest& request, std::size_t index, const std::string& node,
                    const std::string& time, LaunchStatus status, const std::string& reason) {
  const RequestedCase& wanted = request.cases[index];
  Record record;
  record.benchmark = wanted.identity.benchmark;
  record.parameters = wanted.identity.parameters;
  record.geometry = wanted.identity.geometry;
  record.start = request.start;
  record.position = wanted.position;
  record.node = node;
  record.started = time;
  record.status = status;
  record.reason = reason;
  record.planted = request.plant;
  return record;
}

bool ended_badly(const GroupEnd& end) {
  return end.how != GroupEnd::How::by_itself || end.exit_code != 0 || end.signal != 0;
}

}  // namespace

std::string describe_end(const GroupEnd& end) {
  std::string text;
  switch (end.how) {
    case GroupEnd::How::timed_out:
      return "no result within its time limit of " + format_duration(end.limit_s);
    case GroupEnd::How::interrupted:
      return "interrupted by " + end.interrupted_by + " while it ran";
    case GroupEnd::How::by_itself:
      break;
  }
  if (!end.cause.empty()) {
    text = "ended by " + end.cause;
  } else if (end.signal != 0) {
    text = "the launcher was ended by " + signal_name(end.signal);
  } else {
    text = "ended with exit code " + std::to_string(end.exit_code);
  }
  if (!end.last_words.empty()) text += "; last line of stderr: " + end.last_words;
  return text;
}

GroupResults read_results(const StartRequest& request, const std::vector<std::string>& all_nodes,
                          const std::vector<bool>& together, std::string_view text, const GroupEnd& end,
                          const std::string& time) {
  Reader reader(request, all_nodes);
  reader.read(text);
  std::vector<Progress>& progress = reader.progress();
  if (reader.wrote_nothing()) progress.front().begun = true;

  GroupResults results;
  bool all_there = true;
  const LaunchStatus silent =
      end.how == GroupEnd::How::timed_out ? LaunchStatus::timeout : LaunchStatus::failed;
  // A group that was killed or cut off its last line did so at the last case that it began.
  std::size_t last_begun = 0;
  for (std::size_t i = 0; i < progress.size(); ++i) {
    if (progress[i].begun) last_begun = i;
  }
  for (std::size_t i = 0; i < progress.size(); ++i) {
    Progress& one = progress[i];
    if (!one.begun) {
      all_there = false;
      continue;
    }
    const int position = request.cases[i].position;
    std::vector<std::string> nodes = all_nodes;
    if (together[i]) nodes = {one.by_node.empty() ? all_nodes.front() : one.by_node.begin()->first};
    results.begun.push_back(position);
    if (together[i] && one.by_node.size() > 1 && one.distrust.empty()) {
      one.distrust = "it wrote records of several nodes for what they did together";
    }
    if (!one.distrust.empty() && !(i == last_begun && reader.cut_off() && ended_badly(end))) {
      results.findings.push_back({"ASY-4004", "start " + std::to_string(request.start) + ", " +
                                                  request.cases[i].identity.key() + ": " + one.distrust});
      for (const std::string& node : nodes) {
        results.records.push_back(empty_record(request, i, node, time, LaunchStatus::failed, one.distrust));
      }
      all_there = false;
      continue;
    }
    if (one.by_node.size() < nodes.size() || !one.distrust.empty()) {
      all_there = false;
      if (i == last_begun) results.broken.push_back(position);
      std::string reason =
          reader.wrote_nothing() ? "it wrote nothing: " + describe_end(end) : describe_end(end);
      if (i != last_begun) reason = "it went on to the next case without a record of this one";
      if (!one.distrust.empty()) reason += " (" + one.distrust + ")";
      for (const std::string& node : nodes) {
        if (const auto found = one.by_node.find(node); found != one.by_node.end() && one.distrust.empty()) {
          results.records.push_back(std::move(found->second));
        } else {
          results.records.push_back(
              empty_record(request, i, node, time, i == last_begun ? silent : LaunchStatus::failed, reason));
        }
      }
      if (end.how != GroupEnd::How::interrupted) {
        const char* code = end.how == GroupEnd::How::timed_out    ? "ASY-4002"
                           : reader.wrote_nothing()               ? "ASY-4005"
                           : end.cause.empty() && end.signal == 0 ? "ASY-4001"
                                                                  : "ASY-4003";
        results.findings.push_back({code, "start " + std::to_string(request.start) + ", " +
                                              request.cases[i].identity.key() + ": " + reason});
      }
      continue;
    }
    for (const std::string& node : nodes) results.records.push_back(std::move(one.by_node.at(node)));
  }
  // A worker run by hand tells of failed checks by its exit code; death by a signal is another matter.
  if (all_there && end.how == GroupEnd::How::by_itself && (end.signal != 0 || !end.cause.empty())) {
    results.findings.push_back({"ASY-4015", "start " + std::to_string(request.start) +
                                                " gave all results and then " + describe_end(end)});
  }
  return results;
}

}  // namespace assay
