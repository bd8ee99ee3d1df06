// A campaign's evidence in memory, compact: per case a grid of launches x devices with one number per figure
// of merit. 1.6 million values fit well below a gigabyte; samples are reduced when a record is added.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "reports/judge/links.h"
#include "reports/record/record.h"

namespace assay {

struct DeviceIdentity {
  std::string node;
  int rank = 0;
  std::string kind;
  std::string name;
  std::string id;
};

/// Why a device's value of one launch counts, or does not.
enum class ValueState : std::uint8_t {
  absent,      ///< the launch gave nothing for this device
  valid,       ///< a value whose check passed
  unchecked,   ///< a value without a check
  wrong,       ///< its check failed
  planted,     ///< a fault was planted on purpose
  detour,      ///< the record's path says "invalid": another path than the case names, or a cache
  incomplete,  ///< an attachment of its record is missing, altered or unreadable
};

/// What one record says of the bits that it computed (path key "fingerprint"), where its values could count.
struct ComputedBits {
  std::size_t device = 0;   ///< of the case; its node is meant
  int nodes = 1;            ///< of its process group
  std::size_t kernels = 0;  ///< which of the case's `kernels`
  std::string fingerprint;  ///< "77b0... (3 steps, seed 7)"
};

/// One launch of one case, all its nodes together.
struct LaunchResults {
  int campaign = 0;  ///< 0: this campaign; -1, -2, ...: earlier ones that it continues
  int start = 0;
  std::string started;                          ///< UTC; empty when nothing came back
  LaunchStatus status = LaunchStatus::not_run;  ///< worst over its nodes
  std::string reason;                           ///< of the worst node
  std::vector<ValueState> states;               ///< per device of the case; shorter: absent
  std::vector<std::vector<double>> values;      ///< [fom][device]; NaN where there is none
  std::vector<std::int64_t> iterations;         ///< per device
  double worst_steal_fraction = -1;             ///< -1: not readable
  bool throttled = false;
  bool all_converged = true;
  std::optional<LinkDiagnosis> links;  ///< what its link matrix says (fabric/links)
  std::vector<ComputedBits> computed;  ///< of the records that have a fingerprint
};

/// What a record's attachments gave.
struct Attached {
  std::optional<LinkDiagnosis> links;
  std::string trouble;  ///< "attachment 3f... is missing"; empty: all there, unchanged and readable
};

/// A check that failed, or another thing to name, kept with its words (at most 64 a case).
struct Incident {
  int start = 0;
  std::string node;
  int rank = 0;
  std::string text;
};

struct CaseResults {
  CaseIdentity identity;
  std::vector<FigureOfMerit> foms;  ///< as the first completed record gave them (numerator of that record)
  std::vector<DeviceIdentity> devices;
  std::vector<std::vector<std::optional<Peak>>> peaks;  ///< [fom][device]; theoretical, measured or none
  std::vector<LaunchResults> launches;                  ///< in launch order
  std::vector<Incident> incidents;
  std::map<std::string, std::string> path;
  /// What decided the rounding of records with a fingerprint, "name value" lines; each kind has a number.
  std::map<std::string, std::size_t> kernels = {};
};

/// Facts about one node, from machine.json: name -> number, text or truth.
struct NodeFacts {
  std::string node;
  std::map<std::string, ParameterValue> facts;
};

class CampaignData {
 public:
  /// `launch_started` says that a launch was attempted; a launch that then gives no record stays a miss.
  void launch_started(const CaseIdentity& identity, int start, int campaign = 0);
  /// Adds what one node gave. Belongs to the launch (case, start), which it opens if need be. With trouble
  /// about its attachments none of its values counts.
  void add(const Record& record, int campaign = 0, const Attached& attached = {});
  /// From now on the device is out by decision ("conceded"): dead or excluded before its first counted
  /// launch.
  void concede(const std::string& node, const std::string& reason);

  const std::vector<CaseResults>& cases() const { return cases_; }
  const CaseResults* find(const CaseIdentity& identity) const;
  const std::map<std::string, std::string>& conceded_nodes() const { return conceded_; }

  std::vector<NodeFacts> nodes;    ///< from machine.json
  std::vector<std::string> notes;  ///< what reading found: "the last line of records.jsonl was cut off"

 private:
  CaseResults& case_of(const CaseIdentity& identity);
  LaunchResults& launch_of(CaseResults& results, int start, int campaign);

  std::vector<CaseResults> cases_;
  std::unordered_map<std::string, std::size_t> by_key_;
  /// [case] -> device key ("node rank") -> index
  std::vector<std::unordered_map<std::string, std::size_t>> device_index_;
  std::map<std::string, std::string> conceded_;
};

}  // namespace assay
