// For tests: a plan, targets and a campaign's evidence made from literal numbers.
#pragma once

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "reports/judge/judge.h"

namespace assay::testing {

inline constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

inline BenchmarkSpec gemm_spec() {
  BenchmarkSpec spec;
  spec.name = "compute/gemm";
  spec.area = "compute";
  spec.parameters = {
      {"dtype", ParameterType::choice, "", std::string("f32"), {"f32", "bf16"}, {}, {}, "data type"},
      {"m", ParameterType::integer, "", std::int64_t{2048}, {}, {}, {}, "rows"}};
  spec.foms = {{"rate", "FLOP/s", Better::higher, "rate", {}}};
  return spec;
}

inline BenchmarkSpec allreduce_spec() {
  BenchmarkSpec spec;
  spec.name = "collectives/allreduce";
  spec.area = "collectives";
  spec.scope = Scope::group;
  spec.parameters = {{"bytes", ParameterType::bytes, "B", std::int64_t{8}, {}, {}, {}, "message size"}};
  spec.foms = {{"time", "s", Better::lower, "time", {}},
               {"busbw", "B/s", Better::higher, "bus bandwidth", {}}};
  return spec;
}

inline BenchmarkSpec stream_spec() {
  BenchmarkSpec spec;
  spec.name = "memory/stream";
  spec.area = "memory";
  spec.foms = {{"flops", "FLOP/s", Better::higher, "rate", {}}};
  return spec;
}

/// One device's part of a launch; `value` NaN: the device is there and has no usable sample.
struct Given {
  double value = nothing;
  CheckStatus check = CheckStatus::pass;
};

class Scene {
 public:
  Scene() {
    catalogue.version = "test";
    catalogue.benchmarks = {gemm_spec(), allreduce_spec(), stream_spec()};
    plan.name = "test";
    plan.max_launches = 12;
    targets.name = "test targets";
  }

  /// Plans compute/gemm (one node, `ranks` devices) unless told otherwise.
  CaseIdentity& plan_gemm(int ranks = 1, Placement placement = Placement::fixed, int nodes = 1,
                          int m = 2048) {
    CaseIdentity identity{"compute/gemm",
                          {{"dtype", std::string("bf16")}, {"m", std::int64_t{m}}},
                          {placement, nodes, ranks, 0}};
    return plan_case(identity);
  }
  CaseIdentity& plan_case(const CaseIdentity& identity) {
    plan.cases.push_back({identity, identity.key(), 120, {}});
    cases_.push_back(identity);
    return plan.cases.back().identity;
  }
  const CaseIdentity& planned(std::size_t index = 0) const { return cases_.at(index); }

  /// A target of compute/gemm.rate.
  Target& at_least(double limit, Across across = Across::each_device) {
    Target target;
    target.id = std::to_string(targets.targets.size() + 1);
    target.title = "target " + target.id;
    target.benchmark = "compute/gemm";
    target.fom = "rate";
    target.unit = "FLOP/s";
    target.across = across;
    target.at_least = Limit{LimitKind::absolute, limit, "", "", ""};
    targets.targets.push_back(target);
    return targets.targets.back();
  }
  /// A target of collectives/allreduce.time.
  Target& time_at_most(double limit_s) {
    Target& target = at_least(0);
    target.benchmark = "collectives/allreduce";
    target.fom = "time";
    target.unit = "s";
    target.better = Better::lower;
    target.at_least.reset();
    target.at_most = Limit{LimitKind::absolute, limit_s, "", "", ""};
    return target;
  }

  Record record(const CaseIdentity& identity, int start, const std::string& node,
                const std::vector<Given>& devices) const {
    Record made;
    made.benchmark = identity.benchmark;
    made.parameters = identity.parameters;
    made.geometry = identity.geometry;
    made.start = start;
    made.position = 1;
    made.node = node;
    made.started = "2026-11-22T10:00:00.000Z";
    const BenchmarkSpec* spec = catalogue.find(identity.benchmark);
    for (const FomSpec& fom : spec->foms) {
      FigureOfMerit figure;
      figure.name = fom.name;
      figure.unit = fom.unit;
      figure.better = fom.better;
      if (fom.better == Better::higher) figure.numerator = 1;
      figure.peak = peak;
      made.foms.push_back(figure);
    }
    for (std::size_t i = 0; i < devices.size(); ++i) {
      DeviceResult device;
      device.rank = first_rank + static_cast<int>(i);
      device.kind = spec->scope == Scope::group ? "group" : "gpu";
      device.name = "Test accelerator";
      device.converged = true;
      device.check.status = devices[i].check;
      if (std::isfinite(devices[i].value)) {
        const bool time = spec->foms[0].better == Better::lower;
        device.samples_s = {time ? devices[i].value : 1 / devices[i].value};
      }
      made.devices.push_back(device);
    }
    return made;
  }
  /// A launch on one node (start numbers count up by themselves).
  void launch(const std::vector<Given>& devices, std::size_t index = 0, const std::string& node = "n1") {
    data.add(record(planned(index), ++start_, node, devices), campaign);
  }
  void launch(double value) { launch(std::vector<Given>{{value, CheckStatus::pass}}); }
  void launches(const std::vector<double>& values) {
    for (const double value : values) launch(value);
  }
  /// Several nodes in one start.
  void launch_on(const std::map<std::string, std::vector<Given>>& nodes, std::size_t index = 0) {
    ++start_;
    for (const auto& [node, devices] : nodes)
      data.add(record(planned(index), start_, node, devices), campaign);
  }
  /// Another case in the start of the last launch.
  void beside(const std::vector<Given>& devices, std::size_t index, const std::string& node = "n1") {
    data.add(record(planned(index), start_, node, devices), campaign);
  }
  void lost(LaunchStatus status, const std::string& reason, std::size_t index = 0,
            const std::string& node = "n1") {
    Record made = record(planned(index), ++start_, node, {});
    made.status = status;
    made.reason = reason;
    data.launch_started(planned(index), start_, campaign);
    data.add(made, campaign);
  }
  void started_only(std::size_t index = 0) { data.launch_started(planned(index), ++start_, campaign); }

  JudgeInput input() const { return {plan, targets, catalogue, data, document_hashes, peaks, "assay-bench"}; }
  Judgement judged() const { return judge(input()); }
  /// Of the only target's first part.
  PartVerdict part(std::size_t index = 0) const { return judged().targets.at(0).parts.at(index); }
  Verdict verdict() const { return judged().targets.at(0).verdict; }

  Catalogue catalogue;
  Plan plan;
  Targets targets;
  CampaignData data;
  std::map<std::string, std::string> document_hashes;
  std::map<std::string, std::map<std::string, Peak>> peaks;
  std::optional<Peak> peak;  ///< that records carry
  int campaign = 0;
  int first_rank = 0;

 private:
  std::vector<CaseIdentity> cases_;
  int start_ = 0;
};

inline bool has_finding(const std::vector<Finding>& findings, const std::string& code) {
  for (const Finding& finding : findings) {
    if (finding.code == code) return true;
  }
  return false;
}

inline std::vector<Given> values(const std::vector<double>& numbers) {
  std::vector<Given> given;
  for (const double number : numbers) given.push_back({number, CheckStatus::pass});
  return given;
}

}  // namespace assay::testing
