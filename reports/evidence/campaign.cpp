#include "reports/evidence/campaign.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/evidence/attachments.h"
#include "reports/evidence/layout.h"
#include "reports/record/record_json.h"

namespace assay {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view machine_schema = "assay.machine/1";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string needed_file(const fs::path& path) {
  if (!is_there(path)) {
    throw bad_input("this is no campaign: " + path.string() + " does not exist",
                    "give the folder that `assay run` wrote, such as campaigns/quick-20261122T100000Z");
  }
  return read_file(path);
}

ParameterValue fact_from(const json& value, const std::string& name, const std::string& file) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  throw bad_input("the fact '" + name + "' is neither a number, a text nor a truth", "write the file again",
                  {file});
}

/// A name of the register must stay beside it: no path that leads elsewhere.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

}  // namespace

Machine parse_machine(std::string_view text, const std::string& file) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("schema") || !document.contains("nodes") ||
      !document["nodes"].is_array() || document["nodes"].empty()) {
    throw bad_input("this is not a description of machines", "expected " + std::string(machine_schema),
                    {file});
  }
  if (document["schema"] != machine_schema) {
    throw bad_input(
        "schema is " + document["schema"].dump() + ", expected \"" + std::string(machine_schema) + "\"",
        "use the assay of the version that wrote it", {file});
  }
  Machine machine;
  for (const json& one : document["nodes"]) {
    if (!one.is_object() || !one.contains("node") || !one["node"].is_string() || !one.contains("facts") ||
        !one["facts"].is_object()) {
      throw bad_input("a node has no name or no facts", "write the file again", {file});
    }
    NodeFacts facts;
    facts.node = one["node"].get<std::string>();
    for (const auto& [name, value] : one["facts"].items()) {
      if (!value.is_null())
        facts.facts.emplace(name, fact_from(value, name, file));  // null: could not be read
    }
    machine.nodes.push_back(std::move(facts));
  }
  for (const char* part : {"mpi", "libraries", "environment"}) {
    if (!document.contains(part) || !document[part].is_object()) continue;
    for (const auto& [name, value] : document[part].items()) {
      if (value.is_null()) continue;
      const bool own_name = std::string_view(part) == "environment";
      machine.about.emplace_back(own_name ? name : std::string(part) + "." + name,
                                 value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  if (document.contains("warnings") && document["warnings"].is_array()) {
    for (const json& warning : document["warnings"]) {
      if (warning.is_string()) machine.warnings.push_back(warning.get<std::string>());
    }
  }
  return machine;
}

void add_evidence(const fs::path& folder, const Plan& plan, const JournalStory& journal, int campaign,
                  CampaignData& data, std::vector<Finding>& findings) {
  const auto note = [&](const char* code, const std::string& text) {
    findings.push_back({code, text});
    data.notes.push_back(text);
  };
  std::unordered_map<std::string, const CaseIdentity*> by_key;
  for (const PlannedCase& planned : plan.cases) by_key.emplace(planned.identity.key(), &planned.identity);
  if (journal.truncated_last_line) {
    note("ASY-4006",
         "the last line of " + (folder / layout::journal).string() + " was cut off; read up to there");
  }
  for (const JournalStory::Start& start : journal.starts) {
    for (const std::string& key : start.attempted) {
      if (const auto found = by_key.find(key); found != by_key.end()) {
        data.launch_started(*found->second, start.start, campaign);
      }
    }
  }
  for (const auto& [node, reason] : journal.conceded) data.concede(node, reason);
  const fs::path records = folder / layout::records;
  if (!is_there(records)) return;
  const RecordsRead read = read_records(records, [&](Record&& record) {
    const Attached attached = read_attached(record, folder / layout::attachments);
    if (!attached.trouble.empty()) {
      findings.push_back({"ASY-1015", record.benchmark + " in start " + std::to_string(record.start) + ": " +
                                          attached.trouble});
    }
    data.add(record, campaign, attached);
  });
  if (read.truncated_last_line) {
    note("ASY-4006", "the last line of " + records.string() + " was cut off; read up to there (" +
                         std::to_string(read.records) + " records)");
  }
}

void add_earlier(Campaign& campaign, const Catalogue& catalogue) {
  std::vector<RegisterEntry> earlier;
  for (const RegisterEntry& entry : campaign.series) {
    if (entry.number < campaign.journal.number) earlier.push_back(entry);
  }
  int number = -static_cast<int>(earlier.size());
  for (const RegisterEntry& entry : earlier) {
    const std::string& name = entry.folder;
    const fs::path folder = campaign.folder.parent_path() / name;
    // Whatever is wrong with an earlier campaign, its launches cannot be counted: that must not help.
    try {
      if (!is_plain_name(name) || !is_there(folder / layout::journal))
        throw bad_input("its folder is not there");
      const Plan plan =
          parse_plan(needed_file(folder / layout::plan), (folder / layout::plan).string(), catalogue);
      const JournalStory journal = read_journal(folder / layout::journal);
      if (journal.number != entry.number || journal.targets_sha256 != entry.targets_sha256 ||
          journal.system != entry.system || plan.sha256 != entry.plan_sha256) {
        throw bad_input("its folder holds another campaign");
      }
      CampaignData whole = campaign.data;
      add_evidence(folder, plan, journal, number, whole, campaign.findings);
      campaign.data = std::move(whole);
      campaign.counted.push_back(name);
    } catch (const Error& error) {
      campaign.absent.push_back(name);
      campaign.findings.push_back(
          {"ASY-4009", "campaign " + name + " under the same targets cannot be counted: " + error.what()});
      campaign.data.notes.push_back("evidence of the earlier campaign " + name + " is absent");
    }
    ++number;
  }
}

Campaign read_campaign(const fs::path& given, const Catalogue& catalogue, bool continue_earlier) {
  Campaign campaign;
  std::error_code error;
  campaign.folder = fs::weakly_canonical(given, error);
  if (error || campaign.folder.empty()) campaign.folder = given;
  const fs::path& folder = campaign.folder;
  campaign.plan_text = needed_file(folder / layout::plan);
  campaign.targets_text = needed_file(folder / layout::targets);
  if (!is_there(folder / layout::journal)) needed_file(folder / layout::journal);
  campaign.plan = parse_plan(campaign.plan_text, (folder / layout::plan).string(), catalogue);
  campaign.journal = read_journal(folder / layout::journal);
  campaign.findings = campaign.journal.findings;
  if (campaign.journal.finished.empty() && !campaign.journal.stopped) {
    campaign.findings.push_back(
        {"ASY-4007", "the runner did not come to its end (it was killed, or it is still running)"});
  }
  for (const auto& [what, sha256, stated] :
       {std::tuple{layout::plan, campaign.plan.sha256, campaign.journal.plan_sha256},
        std::tuple{layout::targets, sha256_hex(campaign.targets_text), campaign.journal.targets_sha256}}) {
    if (sha256 != stated) {
      throw bad_input(
          std::string(what) + " is not the file that the campaign was started with (its SHA-256 differs)",
          "restore it from a copy", {(folder / what).string()});
    }
  }

  const fs::path registry = folder.parent_path() / layout::register_file;
  campaign.series = siblings_of(folder.filename().string(), campaign.journal.number, read_register(registry));
  campaign.registered = !campaign.series.empty();
  if (!campaign.registered) {
    campaign.findings.push_back({"ASY-4008", "this campaign is not in " + registry.string() +
                                                 ": whether others were run is not known"});
    // Its own journal knows that there were earlier ones; alone it would be the best of several.
    if (continue_earlier && campaign.journal.number > 1) {
      campaign.absent.push_back("campaigns 1 to " + std::to_string(campaign.journal.number - 1));
    }
  } else if (continue_earlier) {
    add_earlier(campaign, catalogue);
  }
  add_evidence(folder, campaign.plan, campaign.journal, 0, campaign.data, campaign.findings);
  if (is_there(folder / layout::machine)) {
    campaign.machine =
        parse_machine(read_file(folder / layout::machine), (folder / layout::machine).string());
    campaign.data.nodes = campaign.machine.nodes;
    for (const std::string& warning : campaign.machine.warnings) {
      // Inherited variables are one thing, kernels below the CPU's width another.
      const bool variable = warning.find("inherited") != std::string::npos;
      campaign.findings.push_back({variable ? "ASY-3003" : "ASY-3004", warning});
    }
  }
  return campaign;
}

}  // namespace assay
