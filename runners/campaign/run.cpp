#include "runners/campaign/run.h"

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/base/utc.h"
#include "reports/evidence/attachments.h"
#include "reports/evidence/journal.h"
#include "reports/evidence/layout.h"
#include "reports/evidence/register.h"
#include "reports/record/request.h"
#include "reports/record/unit.h"
#include "runners/campaign/folder.h"
#include "runners/campaign/results.h"
#include "runners/campaign/start.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// A case that gave no value this many times in a row is given up: it can only cost time, and its verdict is
/// no pass either way.
constexpr int give_up_after = 3;
constexpr double machine_limit_s = 120;

Arguments worker_command(const CampaignInput& input, const fs::path& folder) {
  return {input.worker, "--request", (folder / layout::request).string(), "--results",
          (folder / layout::results).string()};
}

GroupToLaunch group_to_launch(const CampaignInput& input, const ScheduledCase& one,
                              const std::vector<std::string>& nodes) {
  return {nodes, one.geometry.ranks_per_node, one.geometry.threads_per_rank, input.site.hosts.empty()};
}

class Runner {
 public:
  Runner(const CampaignInput& input, const Knowledge& knowledge, const StopRequest& stop, Progress& progress)
      : input_(input),
        knowledge_(knowledge),
        stop_(stop),
        progress_(progress),
        launcher_(make_launcher(input.site, usable_cores())),
        history_(input.plan.cases.size()) {}

  CampaignResult run() {
    launcher_->check();
    adopt_orphans();
    folder_.emplace(input_.parent, input_.plan.name);
    CampaignResult result{folder_->path(), std::nullopt, 0};
    try {
      open();
      measure();
      if (stop_.signal() != 0) {
        folder_->journal("interrupted", {{"signal", signal_name(stop_.signal())}});
        progress_.note("interrupted: what was measured is kept");
      } else {
        folder_->journal("measured", {});
      }
      close(result);
    } catch (const Error& error) {
      // Say so in the journal where there is still room for a line; the first error is the one to report.
      try {
        folder_->journal("stopped", {{"reason", std::string(error.what())}});
      } catch (const Error&) {
      }
      progress_.note("stopped; what was measured is kept in " + folder_->path().string());
      throw;
    }
    result.signal = stop_.signal();
    return result;
  }

 private:
  struct CaseHistory {
    int launches = 0;
    int without_value = 0;  ///< in a row
    bool unsupported = false;
    double last_s = -1;  ///< steady time of its last launch
  };

  void open() {
    folder_->keep(layout::plan, input_.plan_text);
    folder_->keep(layout::targets, input_.targets_text);
    if (!input_.site_text.empty()) folder_->keep(layout::site, input_.site_text);
    const int number = register_started(
        input_.parent / layout::register_file,
        {0, folder_->name(), input_.system, input_.targets.sha256, input_.plan.sha256, utc_now(), ""});
    folder_->journal("campaign_started", {{"plan", input_.plan.name},
                                          {"plan_sha256", input_.plan.sha256},
                                          {"targets", input_.targets.name},
                                          {"targets_sha256", input_.targets.sha256},
                                          {"system", input_.system},
                                          {"number", std::int64_t{number}},
                                          {"assay_version", std::string(ASSAY_VERSION)},
                                          {"worker", input_.worker}});
    progress_.note("campaign " + std::to_string(number) + " of these targets on " + input_.system + ": " +
                   folder_->path().string());
    for (const DocumentClause& clause : input_.targets.documents) {
      if (clause.file.empty()) continue;
      const fs::path file = document_path(clause, input_.targets_file);
      std::error_code error;
      const bool found = fs::is_regular_file(file, error);
      const std::string hash = found ? folder_->attach(read_file(file)) : "";
      folder_->journal("document", {{"id", clause.id}, {"file", clause.file}, {"sha256", hash}});
    }
    if (input_.targets.continue_campaigns) continue_earlier(number);
    open_storage();
    read_machine();
  }

  /// Where no site names a folder for it, storage is measured where the campaign is.
  void open_storage() {
    storage_ = input_.site.storage;
    const auto& cases = input_.plan.cases;
    const bool measured = std::any_of(cases.begin(), cases.end(), [](const PlannedCase& one) {
      return one.identity.parameters.contains("storage");
    });
    const fs::path own = fs::absolute(folder_->path()) / layout::scratch;
    if (!measured || !storage_.emplace("scratch", own.string()).second) return;
    fs::create_directories(own);
    own_storage_ = own;
  }

  /// What workers that died left in the folder that we made for them. One that a site named is not ours to
  /// clear.
  void clear_own_storage() const {
    if (own_storage_.empty()) return;
    std::error_code kept;
    for (const auto& entry : fs::directory_iterator(own_storage_, kept)) fs::remove_all(entry.path(), kept);
  }

  /// The launches of earlier campaigns count from the beginning.
  void continue_earlier(int number) {
    if (number <= 1) return;
    Campaign campaign;
    campaign.folder = fs::absolute(folder_->path());
    campaign.journal.number = number;
    campaign.series =
        siblings_of(folder_->name(), number, read_register(input_.parent / layout::register_file));
    add_earlier(campaign, knowledge_.catalogue);
    data_ = std::move(campaign.data);
    progress_.note("continues the launches of " + std::to_string(campaign.counted.size()) +
                   " earlier campaign" + (campaign.counted.size() == 1 ? "" : "s"));
    for (const std::string& name : campaign.absent) {
      progress_.note("the evidence of " + name + " is absent: nothing can pass without it");
    }
  }

  void read_machine() {
    const fs::path folder = folder_->start_folders(0, {{"all"}}).front();
    const fs::path file = folder_->path() / layout::machine;
    const GroupToLaunch group{input_.nodes, 1, 0, input_.site.hosts.empty()};
    const Arguments command = launcher_->command(group, {input_.worker, "--machine", file.string()});
    write_quickly(folder / layout::command, shell_quoted(command) + "\n");
    const StartToRun start{{{folder, command}}, input_.site.environment, {machine_limit_s}, 0};
    const GroupEnd end = run_groups(start, *launcher_, watch_, stop_, nullptr).front().end;
    std::string trouble;
    if (end.how != GroupEnd::How::by_itself || end.exit_code != 0 || end.signal != 0) {
      trouble = describe_end(end);
    } else {
      try {
        const Machine machine = parse_machine(read_file(file), file.string());
        data_.nodes = machine.nodes;
        for (const std::string& warning : machine.warnings) progress_.note(warning);
      } catch (const Error& error) {
        trouble = error.what();
      }
    }
    if (trouble.empty()) {
      folder_->journal("machine_read", {{"nodes", input_.nodes}, {"command", shell_quoted(command)}});
    } else {
      std::error_code ignored;
      if (fs::exists(file, ignored)) fs::rename(file, folder / layout::machine, ignored);
      folder_->finding({"ASY-3007", "the facts of the machine could not be read: " + trouble});
      progress_.note("the facts of the machine could not be read: " + trouble);
    }
  }

  JudgeInput judge_input() const {
    return {input_.plan, input_.targets, knowledge_.catalogue, data_, {}, knowledge_.peaks};
  }

  /// Cases that still need launches. Whatever earlier campaigns say, each is launched once now: a campaign
  /// that measures nothing shows nothing.
  std::set<std::size_t> open_cases() const {
    const std::vector<bool> done = settled(judge_input());
    std::set<std::size_t> open;
    for (std::size_t i = 0; i < done.size(); ++i) {
      const CaseHistory& past = history_[i];
      if (past.launches > 0 && (done[i] || past.unsupported || past.without_value >= give_up_after)) continue;
      open.insert(i);
    }
    return open;
  }

  void measure() {
    began_s_ = steady_seconds();
    for (int round = 0; stop_.signal() == 0; ++round) {
      open_ = open_cases();
      const std::set<std::size_t> open = open_;
      if (open.empty()) return;
      for (const PlannedStart& start : starts_of_round(input_.schedule, open, apart_, round)) {
        std::vector<std::size_t> left = start.cases;
        // After a crash the cases that were not reached start again.
        while (!left.empty() && stop_.signal() == 0) left = launch(left, round);
      }
    }
  }

  /// Waits until each case may run again.
  void keep_spacing(const std::vector<std::size_t>& cases) const {
    if (input_.plan.spacing_s <= 0) return;
    double until_s = 0;
    for (const std::size_t i : cases) {
      const double last_s = history_[input_.schedule.cases[i].index].last_s;
      if (last_s >= 0) until_s = std::max(until_s, last_s + input_.plan.spacing_s);
    }
    for (double left_s = 0; stop_.signal() == 0 && (left_s = until_s - steady_seconds()) > 0;) {
      pollfd watched{stop_.descriptor(), POLLIN, 0};
      ::poll(&watched, 1, static_cast<int>(std::min(left_s, 3600.0) * 1000) + 1);
    }
  }

  /// One start of these cases (positions in the schedule); gives those that were not reached.
  std::vector<std::size_t> launch(const std::vector<std::size_t>& cases, int round) {
    keep_spacing(cases);
    if (stop_.signal() != 0) return {};
    const int number = ++starts_;
    const ScheduledCase& first = input_.schedule.cases[cases.front()];
    const StartRequest request = request_of(cases, number);
    const std::vector<fs::path> folders = folder_->start_folders(number, first.groups);
    StartToRun start{{}, input_.site.environment, {}, startup_allowance_s};
    double limit_s = startup_allowance_s;
    std::vector<std::string> keys;
    for (const std::size_t i : cases) {
      start.limits_s.push_back(input_.schedule.cases[i].limit_s);
      limit_s += start.limits_s.back();
      keys.push_back(planned(i).identity.key());
    }
    for (std::size_t g = 0; g < folders.size(); ++g) {
      write_quickly(folders[g] / layout::request, to_json(request));
      const Arguments command = launcher_->command(group_to_launch(input_, first, first.groups[g]),
                                                   worker_command(input_, folders[g]));
      write_quickly(folders[g] / layout::command, shell_quoted(command) + "\n");
      start.groups.push_back({folders[g], command});
    }
    folder_->journal("start_started", {{"start", std::int64_t{number}},
                                       {"round", std::int64_t{round + 1}},
                                       {"cases", keys},
                                       {"command", shell_quoted(start.groups.front().command)},
                                       {"limit_s", limit_s}});
    const std::string time = utc_now();
    const double start_s = steady_seconds();
    for (const std::size_t i : cases) history_[input_.schedule.cases[i].index].last_s = start_s;
    const auto outcomes = run_groups(start, *launcher_, watch_, stop_, [&](int position) {
      progress_.running(state(cases[static_cast<std::size_t>(position - 1)], number));
    });
    return record(cases, request, folders, outcomes, time, steady_seconds() - start_s);
  }

  StartRequest request_of(const std::vector<std::size_t>& cases, int number) const {
    StartRequest request;
    request.start = number;
    // The same plan gives the same inputs in the same start, on every machine.
    request.seed =
        std::stoull(sha256_hex(input_.plan.sha256 + " " + std::to_string(number)).substr(0, 12), nullptr, 16);
    request.storage = storage_;
    for (const std::size_t i : cases) {
      const ScheduledCase& one = input_.schedule.cases[i];
      CaseIdentity identity = planned(i).identity;
      identity.geometry = one.geometry;
      request.cases.push_back({static_cast<int>(request.cases.size()) + 1, identity, one.time_s});
    }
    return request;
  }

  /// Writes what a start gave; returns the cases that no group reached.
  std::vector<std::size_t> record(const std::vector<std::size_t>& cases, const StartRequest& request,
                                  const std::vector<fs::path>& folders,
                                  const std::vector<GroupOutcome>& outcomes, const std::string& time,
                                  double seconds) {
    const ScheduledCase& first = input_.schedule.cases[cases.front()];
    std::vector<Record> records;
    std::vector<Finding> findings;
    std::set<int> begun, broken;
    std::string how = "ended";
    std::vector<bool> together;
    for (const std::size_t i : cases) {
      const BenchmarkSpec* spec = knowledge_.catalogue.find(planned(i).identity.benchmark);
      together.push_back(spec != nullptr && spec->scope == Scope::group);
    }
    for (std::size_t g = 0; g < outcomes.size(); ++g) {
      GroupResults results =
          read_results(request, first.groups[g], together, outcomes[g].results, outcomes[g].end, time);
      for (Record& one : results.records) keep_attachments(one, folders[g] / layout::attachments);
      std::move(results.records.begin(), results.records.end(), std::back_inserter(records));
      findings.insert(findings.end(), results.findings.begin(), results.findings.end());
      begun.insert(results.begun.begin(), results.begun.end());
      broken.insert(results.broken.begin(), results.broken.end());
      if (!results.broken.empty()) how = describe_end(outcomes[g].end);
    }
    if (!broken.empty()) clear_own_storage();
    folder_->add(records);
    std::vector<std::string> attempted;
    std::vector<std::size_t> left;
    for (std::size_t p = 0; p < cases.size(); ++p) {
      const int position = static_cast<int>(p) + 1;
      if (begun.contains(position)) {
        attempted.push_back(planned(cases[p]).identity.key());
        data_.launch_started(planned(cases[p]).identity, request.start);
      } else {
        left.push_back(cases[p]);
      }
      if (broken.contains(position)) apart_.insert(input_.schedule.cases[cases[p]].index);
    }
    for (const Record& one : records) {
      data_.add(one, 0, read_attached(one, folder_->path() / layout::attachments));
    }
    folder_->journal("start_finished", {{"start", std::int64_t{request.start}},
                                        {"attempted", attempted},
                                        {"outcome", how},
                                        {"seconds", seconds}});
    for (const Finding& finding : findings) {
      folder_->finding(finding);
      progress_.note(finding.code + " " + finding.text);
    }
    const std::size_t completed = remember(cases, begun, records);
    rejudge();
    progress_.start_ended(state(cases.back(), request.start),
                          std::to_string(completed) + " of " + std::to_string(begun.size()) +
                              " cases completed in " + format_duration(seconds));
    return left;
  }

  /// A result without all that belongs to it is no evidence.
  void keep_attachments(Record& record, const fs::path& from) const {
    try {
      for (const std::string& hash : record.attachments) folder_->adopt(from, hash);
    } catch (const Error& missing) {
      record.status = LaunchStatus::failed;
      record.reason = missing.what();
      record.foms.clear();
      record.devices.clear();
      record.attachments.clear();
    }
  }

  /// Updates the cases' histories; gives the number of cases that completed on every node.
  std::size_t remember(const std::vector<std::size_t>& cases, const std::set<int>& begun,
                       const std::vector<Record>& records) {
    std::size_t completed = 0;
    for (const int position : begun) {
      CaseHistory& past =
          history_[input_.schedule.cases[cases[static_cast<std::size_t>(position - 1)]].index];
      ++past.launches;
      bool all = true, any = false, unsupported = true;
      for (const Record& record : records) {
        if (record.position != position) continue;
        all = all && record.status == LaunchStatus::completed;
        any = any || record.status == LaunchStatus::completed;
        unsupported = unsupported && record.status == LaunchStatus::unsupported;
      }
      completed += all ? 1 : 0;
      past.unsupported = unsupported;
      past.without_value = any ? 0 : past.without_value + 1;
    }
    return completed;
  }

  /// The judgement for the progress display; left out where it would cost time worth mentioning.
  void rejudge() {
    if (judging_s_ > 0.05) return;
    const double before_s = steady_seconds();
    judged_ = judge(judge_input());
    open_ = open_cases();
    judging_s_ = steady_seconds() - before_s;
  }

  ProgressState state(std::size_t scheduled, int start) const {
    const ScheduledCase& one = input_.schedule.cases[scheduled];
    ProgressState state;
    state.label = planned(scheduled).label;
    state.case_key = planned(scheduled).identity.key();
    state.start = start;
    state.launches = history_[one.index].launches;
    state.most_launches = one.needed ? input_.plan.max_launches : 1;
    state.elapsed_s = steady_seconds() - began_s_;
    state.left_s = left_s();
    state.judged = judged_ ? &*judged_ : nullptr;
    return state;
  }

  /// Expected launches that are missing of what is not settled, at the pace so far (of the measuring time
  /// asked for, at first).
  double left_s() const {
    double asked_s = 0, done_s = 0;
    for (const ScheduledCase& one : input_.schedule.cases) {
      const CaseHistory& past = history_[one.index];
      done_s += past.launches * one.time_s;
      if (open_.contains(one.index))
        asked_s += std::max(1, one.expected_launches - past.launches) * one.time_s;
    }
    const double pace = done_s > 0 ? (steady_seconds() - began_s_) / done_s : 1.2;
    return asked_s * pace;
  }

  const PlannedCase& planned(std::size_t scheduled) const {
    return input_.plan.cases[input_.schedule.cases[scheduled].index];
  }

  void close(CampaignResult& result) {
    clear_own_storage();
    std::error_code in_use;
    fs::remove(folder_->path() / layout::scratch, in_use);
    // Judged from what is on the disk: what the report says is what the evidence says.
    Judgement judgement = assess(folder_->path(), knowledge_);
    if (stop_.signal() == 0) {
      folder_->journal("campaign_finished",
                       {{"headline", judgement.headline},
                        {"exit_status", static_cast<std::int64_t>(judgement.exit_status)}});
    }
    register_finished(input_.parent / layout::register_file, folder_->name(), utc_now(),
                      stop_.signal() == 0 ? judgement.headline : "interrupted: " + judgement.headline);
    for (RegisteredCampaign& one : judgement.campaigns) {
      if (one.is_this) one.headline = judgement.headline;
    }
    write_derived(judgement, folder_->path());
    result.judgement = std::move(judgement);
  }

  const CampaignInput& input_;
  const Knowledge& knowledge_;
  const StopRequest& stop_;
  Progress& progress_;
  std::map<std::string, std::string> storage_;  ///< folders that storage is measured in, by name
  fs::path own_storage_;                        ///< the one of them that this campaign made; or empty
  std::unique_ptr<Launcher> launcher_;
  FolderWatch watch_;
  std::optional<CampaignFolder> folder_;
  CampaignData data_;
  std::vector<CaseHistory> history_;  ///< per plan case
  std::set<std::size_t> open_;        ///< plan cases that need launches, as far as is known
  std::set<std::size_t> apart_;       ///< plan cases that crashed or hung: alone from then on
  std::optional<Judgement> judged_;
  double judging_s_ = 0;
  double began_s_ = 0;
  int starts_ = 0;
};

}  // namespace

CampaignResult run_campaign(const CampaignInput& input, const Knowledge& knowledge, const StopRequest& stop,
                            Progress& progress) {
  return Runner(input, knowledge, stop, progress).run();
}

std::vector<DryStart> dry_run(const CampaignInput& input, const fs::path& folder) {
  const auto launcher = make_launcher(input.site, usable_cores());
  std::set<std::size_t> all;
  for (const ScheduledCase& one : input.schedule.cases) all.insert(one.index);
  std::vector<DryStart> starts;
  int number = 0;
  for (const PlannedStart& planned : starts_of_round(input.schedule, all, {}, 0)) {
    ++number;
    DryStart start;
    const ScheduledCase& first = input.schedule.cases[planned.cases.front()];
    for (const auto& nodes : first.groups) {
      fs::path place = layout::start_folder(folder, number);
      if (first.groups.size() > 1) place /= nodes.front();
      start.commands.push_back(
          launcher->command(group_to_launch(input, first, nodes), worker_command(input, place)));
    }
    for (const std::size_t i : planned.cases) {
      const ScheduledCase& one = input.schedule.cases[i];
      start.cases.push_back(input.plan.cases[one.index].label + ": " + format_duration(one.time_s) +
                            " a launch, " + std::to_string(one.expected_launches) +
                            (one.expected_launches == 1 ? " launch" : " launches") +
                            " expected, time limit " + format_duration(one.limit_s));
    }
    starts.push_back(std::move(start));
  }
  return starts;
}

}  // namespace assay
