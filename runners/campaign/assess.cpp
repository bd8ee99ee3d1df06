#include "runners/campaign/assess.h"

#include <algorithm>
#include <set>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/base/names.h"
#include "reports/evidence/layout.h"
#include "reports/record/unit.h"
#include "reports/render/render.h"
#include "runners/campaign/folder.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// Hashes of the document clauses' files: as attached when the campaign began, or as found beside other
/// targets.
std::map<std::string, std::string> document_hashes(const Targets& targets, const Campaign& campaign,
                                                   bool own_targets) {
  std::map<std::string, std::string> hashes;
  for (const DocumentClause& clause : targets.documents) {
    if (clause.file.empty()) continue;
    std::string& hash = hashes[clause.id];
    std::error_code error;
    if (own_targets) {
      const auto found = campaign.journal.documents.find(clause.id);
      if (found == campaign.journal.documents.end() || found->second.empty()) continue;
      const fs::path attached = campaign.folder / layout::attachments / found->second;
      if (fs::exists(attached, error)) hash = sha256_hex(read_file(attached));
    } else if (const fs::path file = document_path(clause, targets.file); fs::is_regular_file(file, error)) {
      hash = sha256_hex(read_file(file));
    }
  }
  return hashes;
}

/// Facts carry their unit in their name: "memory_bytes", "peak_f64_flop_per_s".
std::string text_of(const std::string& name, const ParameterValue& value) {
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "yes" : "no";
  double number = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    number = static_cast<double>(*whole);
  } else if (const auto* real = std::get_if<double>(&value)) {
    number = *real;
  } else {
    return to_string(value);
  }
  if (name.ends_with("_bytes") && !name.starts_with("memory")) {
    // Caches have round binary sizes, memories do not.
    const std::string exact = format_bytes(number);
    if (!exact.ends_with(" B")) return exact;
  }
  for (const auto& [ending, unit] : {std::pair{"_bytes", "B"}, std::pair{"_flop_per_s", "FLOP/s"},
                                     std::pair{"_op_per_s", "OP/s"}, std::pair{"_hz", "Hz"}}) {
    if (name.ends_with(ending)) return format_value(number, unit);
  }
  return to_string(value);
}

/// What people look for first; the rest follows by name.
constexpr const char* first_facts[] = {
    "cpu_model",    "sockets",       "numa_nodes", "cores",  "hardware_threads", "usable_processors",
    "memory_bytes", "gpus_per_node", "os",         "kernel", "hypervisor"};

/// The first command of each set of cases.
std::vector<std::string> commands_of(const JournalStory& journal) {
  std::vector<std::string> commands;
  std::set<std::size_t> seen;
  for (const JournalStory::Start& start : journal.starts) {
    // Commands of one geometry differ only in the start's number: their lengths without digits tell them
    // apart.
    std::string shape;
    std::copy_if(start.command.begin(), start.command.end(), std::back_inserter(shape),
                 [](char c) { return c < '0' || c > '9'; });
    for (const char c : start.command.substr(0, start.command.find("--request"))) {
      if (c >= '0' && c <= '9') shape += c;
    }
    if (seen.insert(std::hash<std::string>{}(shape)).second) commands.push_back(start.command);
  }
  return commands;
}

void add_register(Judgement& judgement, const Campaign& campaign) {
  const std::string self = campaign.folder.filename().string();
  for (const RegisterEntry& entry : campaign.series) {
    RegisteredCampaign one;
    one.number = entry.number;
    one.folder = entry.folder;
    one.started = entry.started;
    one.headline = entry.headline.empty() ? "not finished" : entry.headline;
    one.is_this = entry.folder == self && entry.number == campaign.journal.number;
    const auto in = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), entry.folder) != names.end();
    };
    one.counted = one.is_this || in(campaign.counted);
    std::error_code error;
    one.evidence_found =
        !in(campaign.absent) && fs::exists(campaign.folder.parent_path() / entry.folder, error);
    judgement.campaigns.push_back(std::move(one));
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> machine_lines(const Machine& machine) {
  const std::vector<NodeFacts>& nodes = machine.nodes;
  std::vector<std::pair<std::string, std::string>> lines;
  if (nodes.empty()) return lines;
  lines.emplace_back(nodes.size() == 1 ? "node" : "nodes",
                     nodes.size() == 1 ? nodes.front().node : std::to_string(nodes.size()));
  std::map<std::string, std::map<std::string, std::size_t>> values;  // fact -> value -> nodes
  for (const NodeFacts& node : nodes) {
    for (const auto& [name, value] : node.facts) ++values[name][text_of(name, value)];
  }
  std::vector<std::string> order(std::begin(first_facts), std::end(first_facts));
  for (const auto& [name, counts] : values) {
    if (std::find(order.begin(), order.end(), name) == order.end()) order.push_back(name);
  }
  for (const std::string& name : order) {
    const auto found = values.find(name);
    if (found == values.end()) continue;
    const auto& counts = found->second;
    std::vector<std::string> texts;
    for (const auto& [text, count] : counts) {
      const bool everywhere = counts.size() == 1 && count == nodes.size();
      texts.push_back(everywhere ? text : text + " (" + std::to_string(count) + " nodes)");
      if (texts.size() == 5) break;
    }
    if (counts.size() > texts.size())
      texts.push_back("and " + std::to_string(counts.size() - texts.size()) + " more");
    lines.emplace_back(name, join(texts, "; "));
  }
  lines.insert(lines.end(), machine.about.begin(), machine.about.end());
  return lines;
}

Judgement assess(const fs::path& folder, const Knowledge& knowledge,
                 const std::optional<OtherTargets>& other) {
  const fs::path own = folder / layout::targets;
  const std::string text = other ? other->text : read_file(own);
  const Targets targets = parse_targets(text, other ? other->file : own.string(), knowledge.catalogue);
  Campaign campaign = read_campaign(folder, knowledge.catalogue, targets.continue_campaigns);
  check_against_plan(targets, campaign.plan, knowledge.catalogue);
  const bool own_targets = targets.sha256 == campaign.journal.targets_sha256;

  const JudgeInput input{campaign.plan,
                         targets,
                         knowledge.catalogue,
                         campaign.data,
                         document_hashes(targets, campaign, own_targets),
                         knowledge.peaks};
  Judgement judgement = judge(input);
  judgement.campaign = campaign.folder.filename().string();
  judgement.system = campaign.journal.system;
  judgement.started = campaign.journal.started;
  judgement.finished = campaign.journal.finished;
  judgement.assay_version = ASSAY_VERSION;
  judgement.machine = machine_lines(campaign.machine);
  judgement.commands = commands_of(campaign.journal);
  add_register(judgement, campaign);
  judgement.findings.insert(judgement.findings.end(), campaign.findings.begin(), campaign.findings.end());
  if (!own_targets) {
    judgement.findings.push_back(
        {"ASY-5005", "judged by " + targets.file + ", not by the campaign's own targets"});
  }
  if (targets.continue_campaigns) downgrade_for_absent_evidence(judgement, campaign.absent);
  return judgement;
}

void downgrade_for_absent_evidence(Judgement& judgement, const std::vector<std::string>& absent) {
  if (absent.empty()) return;
  const std::string reason = "the evidence of " + join(absent, ", ") + " is absent, whose launches count too";
  for (TargetVerdict& target : judgement.targets) {
    const auto measured = [](const PartVerdict& part) {
      return part.kind != PartVerdict::Kind::inventory && part.kind != PartVerdict::Kind::document;
    };
    bool lowered = false;
    for (PartVerdict& part : target.parts) {
      if (part.verdict != Verdict::pass || !measured(part)) continue;
      part.verdict = Verdict::inconclusive;
      part.reason = reason;
      lowered = true;
    }
    if (!lowered) continue;
    if (target.underlying == Verdict::pass) target.underlying = Verdict::inconclusive;
    if (target.verdict != Verdict::pass) continue;
    target.verdict = Verdict::inconclusive;
    target.reason = reason;
    target.findings.push_back({"ASY-4009", reason});
    --judgement.counts[Verdict::pass];
    ++judgement.counts[Verdict::inconclusive];
    if (target.level != Level::mandatory) continue;
    if (judgement.overall == Verdict::pass) {
      judgement.overall = Verdict::inconclusive;
      judgement.exit_status = ExitStatus::undecided;
      judgement.headline = "Undecided: the evidence of an earlier campaign is absent";
    }
  }
  if (judgement.counts[Verdict::pass] == 0) judgement.counts.erase(Verdict::pass);
}

void write_derived(const Judgement& judgement, const fs::path& folder) {
  write_file(folder / layout::verdicts, render_json(judgement));
  write_file(folder / layout::junit, render_junit(judgement));
  write_file(folder / layout::summary, render_markdown(judgement));
  write_file(folder / layout::csv, render_csv(judgement));
  write_file(folder / layout::html, render_html(judgement));
}

}  // namespace assay
