#include "reports/render/sample_judgement_test.h"

#include <algorithm>
#include <cmath>

namespace assay::samples {
namespace {

constexpr double tera = 1e12;
constexpr double giga = 1e9;

Judgement frame() {
  Judgement judgement;
  judgement.campaign = "quick-20261122T100000Z";
  judgement.system = "Example AI factory";
  judgement.plan_name = "quick";
  judgement.plan_sha256 = std::string(64, 'a');
  judgement.targets_name = "Example AI factory, lot 1";
  judgement.targets_sha256 = std::string(64, 'b');
  judgement.started = "2026-11-22T10:00:00.123Z";
  judgement.finished = "2026-11-22T10:02:31.000Z";
  judgement.assay_version = "0.1.0";
  judgement.decision_text = "guarded acceptance (the supplier proves)";
  judgement.stop_text = "until decided, at most 12 launches";
  judgement.campaigns = {{1, "quick-20261120T090000Z", "2026-11-20T09:00:00.000Z",
                          "Undecided: 1 of 2 mandatory clauses", false, true, true},
                         {2, "quick-20261121T090000Z", "2026-11-21T09:00:00.000Z",
                          "Undecided: 1 of 2 mandatory clauses", false, false, false},
                         {3, "quick-20261122T100000Z", "2026-11-22T10:00:00.123Z", "", true, true, true}};
  judgement.machine = {{"Node", "n001 (2 sockets, 192 cores)"},
                       {"CPU", "AMD EPYC 9654 96-Core Processor"},
                       {"GPU", "8 x NVIDIA H200, driver 580.65.06"},
                       {"Memory", "1.5 TiB in 8 NUMA domains"},
                       {"MPI", "MPICH 4.0.2"},
                       {"Libraries", "oneDNN 2.6.3 (avx512_core_amx), OpenBLAS 0.3.21 (SkylakeX)"},
                       {"Build", "Release, g++ 12.2.0"}};
  judgement.commands = {
      "mpiexec -n 8 assay-bench --request starts/1/request.json --results starts/1/results.jsonl",
      "mpiexec -n 16 -ppn 8 assay-bench --request starts/4/request.json --results starts/4/results.jsonl"};
  return judgement;
}

/// A part judged by `values`, one per launch, in the order of the launches; a negative one stands for none.
PartVerdict part(PartVerdict::Kind kind, const std::string& label, const std::string& unit, double target,
                 double limit, const std::vector<double>& values) {
  PartVerdict result;
  result.kind = kind;
  result.case_label = label;
  result.case_key = label + " @1x8";
  result.unit = unit;
  result.target = target;
  result.limit = limit;
  result.devices = 1;
  std::vector<double> valid;
  for (std::size_t i = 0; i < values.size(); ++i) {
    LaunchPoint launch;
    launch.start = static_cast<int>(i) + 1;
    const bool at_least = kind == PartVerdict::Kind::at_least;
    if (values[i] < 0) {
      launch.trouble = "timeout: ranks 3 and 5 did not arrive";
      ++result.without_value;
    } else {
      launch.value = values[i];
      launch.meets = at_least ? values[i] >= limit : values[i] <= limit;
      valid.push_back(values[i]);
      ++(launch.meets ? result.met : result.missed);
    }
    result.launches.push_back(launch);
    result.e_pass_after.push_back(1 + static_cast<double>(result.met));
    result.e_fail_after.push_back(1 + static_cast<double>(result.missed));
  }
  std::sort(valid.begin(), valid.end());
  if (!valid.empty()) {
    result.measured = valid[valid.size() / 2];
    const double sign = kind == PartVerdict::Kind::at_least ? 1 : -1;
    result.distance = sign * (*result.measured - limit) / limit;
  }
  if (valid.size() >= 7) result.interval = {valid.front(), valid.back()};
  result.e_pass = result.missed + result.without_value == 0 && result.met >= 7 ? 31.875 : 0.41;
  result.e_fail = result.met == 0 && result.missed >= 7 ? 31.875 : 0.03;
  result.repeat_command = "mpiexec -n 8 assay-bench compute/gemm --dtype bf16 --m 8192 --n 8192 --k 8192";
  return result;
}

PartVerdict decided(PartVerdict result, Verdict verdict, const std::string& required,
                    const std::string& reason) {
  result.verdict = verdict;
  result.required_text = required;
  result.reason = reason;
  result.decided_at = verdict == Verdict::pass || verdict == Verdict::fail ? 7 : 0;
  return result;
}

TargetVerdict target(const std::string& id, const std::string& title, Level level, const std::string& fom,
                     std::vector<PartVerdict> parts) {
  TargetVerdict result;
  result.id = id;
  result.title = title;
  result.source = "Tender specification, section " + id;
  result.level = level;
  result.fom = fom;
  result.across_text = fom.empty() ? "" : "each device";
  result.where_text = fom.empty() ? "" : "dtype = bf16, m = 8192";
  result.verdict = result.underlying = parts.empty() ? Verdict::missing : parts.front().verdict;
  result.reason = parts.empty() ? "No launch gave a value." : parts.front().reason;
  result.parts = std::move(parts);
  return result;
}

/// Counts, coverage and cases that follow from the targets.
void complete(Judgement& judgement) {
  for (const TargetVerdict& each : judgement.targets) {
    ++judgement.counts[each.verdict];
    ClauseCoverage clause{each.id, each.title, Coverage::full, {}, ""};
    for (const PartVerdict& each_part : each.parts) {
      if (!each_part.case_label.empty()) clause.cases.push_back(each_part.case_label);
    }
    if (clause.cases.empty()) {
      clause.coverage = Coverage::none;
      clause.note = "no case measures it";
    }
    judgement.coverage.push_back(clause);
    for (const PartVerdict& each_part : each.parts) {
      if (each_part.case_label.empty()) continue;
      CaseSummary summary;
      summary.label = each_part.case_label;
      summary.key = each_part.case_key;
      summary.launches = static_cast<int>(each_part.launches.size());
      summary.completed = summary.launches - each_part.without_value;
      summary.devices = each_part.devices;
      summary.check = each.verdict == Verdict::invalid ? "fail (3 of 7)" : "pass";
      summary.status = each_part.without_value > 0 ? "timeout: ranks 3 and 5 did not arrive" : "completed";
      FigureSummary figure;
      figure.fom = each.fom;
      figure.unit = each_part.unit;
      figure.median = each_part.measured;
      figure.minimum = each_part.interval.lower;
      figure.maximum = each_part.interval.upper;
      if (each_part.unit == "FLOP/s" && each_part.measured) {
        figure.peak = Peak{989.5 * tera, PeakBasis::theoretical, "NVIDIA H200 data sheet, dense"};
        figure.peak_share = *each_part.measured / figure.peak->value;
      }
      summary.figures.push_back(figure);
      summary.repeat_command = each_part.repeat_command;
      judgement.cases.push_back(summary);
    }
  }
}

/// `devices` medians around `middle`, three of them slow; the worst 20 by name.
void add_fleet(PartVerdict& result, std::size_t devices, double middle, double unit_step) {
  constexpr std::size_t bins = 40;
  result.devices = devices;
  Distribution fleet;
  fleet.devices = devices;
  fleet.low = middle - 24 * unit_step;
  fleet.high = middle + 16 * unit_step;
  fleet.counts.assign(bins, 0);
  std::size_t placed = 3;
  fleet.counts[0] = 1;
  fleet.counts[2] = 2;
  for (std::size_t i = 8; i < bins; ++i) {
    const double z = (static_cast<double>(i) - 24) / 4.5;
    const auto here = static_cast<std::uint32_t>(static_cast<double>(devices) * 0.088 * std::exp(-z * z / 2));
    fleet.counts[i] = here;
    placed += here;
  }
  fleet.counts[24] += static_cast<std::uint32_t>(devices - std::min(devices, placed));
  fleet.minimum = fleet.low;
  fleet.p01 = middle - 10 * unit_step;
  fleet.p25 = middle - 3 * unit_step;
  fleet.median = middle;
  fleet.p75 = middle + 3 * unit_step;
  fleet.p99 = middle + 10 * unit_step;
  fleet.maximum = fleet.high;
  result.distribution = fleet;
  result.screening_resolution = 0.031;
  result.screened_out = 3;
  for (int i = 0; i < 20; ++i) {
    DeviceVerdict device;
    device.node = "n" + std::to_string(100 + 37 * i);
    device.rank = i % 8;
    device.name = "NVIDIA H200";
    device.id = "GPU-5c1e7a90-0000-4000-8000-0000000000" + std::to_string(10 + i);
    device.median = fleet.low + (i < 3 ? i : 10 + i / 5.0) * unit_step;
    device.met = i < 3 ? 0 : 7;
    device.missed = i < 3 ? 7 : 0;
    device.e_pass = i < 3 ? 0.0039 : 31.875;
    device.e_fail = i < 3 ? 31.875 : 0.0039;
    device.blamed = device.screened_out = i < 3;
    result.worst_devices.push_back(device);
  }
}

using Kind = PartVerdict::Kind;

PartVerdict good_gemm() {
  const std::vector<double> values = {712.3 * tera, 709.8 * tera, 715.0 * tera, 702.1 * tera,
                                      711.1 * tera, 713.9 * tera, 708.2 * tera};
  return decided(
      part(Kind::at_least, "compute/gemm dtype=bf16 m=8192", "FLOP/s", 700 * tera, 686 * tera, values),
      Verdict::pass, ">= 700 TFLOP/s", "7 of 7 launches met the limit.");
}

PartVerdict bad_allreduce() {
  const std::vector<double> values = {341.2 * giga, 339.9 * giga, 338.4 * giga, 340.8 * giga,
                                      342.7 * giga, 337.5 * giga, 340.1 * giga};
  return decided(
      part(Kind::at_least, "collectives/allreduce bytes=1GiB", "B/s", 360 * giga, 352.8 * giga, values),
      Verdict::fail, ">= 360 GB/s", "None of 7 launches met the limit.");
}

}  // namespace

Judgement small() {
  Judgement judgement = frame();
  judgement.targets.push_back(target("4.2.1", "Sustained BF16 matrix product, each GPU", Level::mandatory,
                                     "compute/gemm.rate", {good_gemm()}));
  judgement.targets.push_back(target("4.3.2", "All-reduce of 1 GiB", Level::mandatory,
                                     "collectives/allreduce.busbw", {bad_allreduce()}));
  judgement.targets.back().findings.push_back(
      {"ASY-2001", "n003 rank 2: expected at least 352.8 GB/s, measured 340.1 GB/s"});
  PartVerdict latency = decided(
      part(Kind::at_most, "collectives/allreduce bytes=8B", "s", 12e-6, 12e-6, {9.8e-6, 10.1e-6, 9.9e-6}),
      Verdict::inconclusive, "<= 12 us", "3 launches are too few to decide.");
  judgement.targets.push_back(
      target("4.3.3", "Small all-reduce", Level::reported, "collectives/allreduce.time", {latency}));
  judgement.overall = Verdict::fail;
  judgement.headline = "Fails: 1 of 2 mandatory clauses";
  judgement.exit_status = ExitStatus::fail;
  complete(judgement);
  return judgement;
}

Judgement passing() {
  Judgement judgement = frame();
  judgement.targets.push_back(target("4.2.1", "Sustained BF16 matrix product, each GPU", Level::mandatory,
                                     "compute/gemm.rate", {good_gemm()}));
  PartVerdict latency = decided(part(Kind::at_most, "collectives/allreduce bytes=8B", "s", 12e-6, 12e-6,
                                     {9.8e-6, 10.1e-6, 9.9e-6, 10.4e-6, 9.7e-6, 11.2e-6, 9.9e-6}),
                                Verdict::pass, "<= 12 us", "7 of 7 launches met the limit.");
  judgement.targets.push_back(
      target("4.3.3", "Small all-reduce", Level::mandatory, "collectives/allreduce.time", {latency}));
  judgement.overall = Verdict::pass;
  judgement.headline = "Passes: 2 of 2 mandatory clauses";
  judgement.exit_status = ExitStatus::pass;
  complete(judgement);
  return judgement;
}

Judgement everything() {
  Judgement judgement = frame();
  auto& targets = judgement.targets;
  PartVerdict inventory;
  inventory.kind = Kind::inventory;
  inventory.verdict = Verdict::pass;
  inventory.required_text = "gpus_per_node = 8";
  inventory.measured_text = "8 on 1,000 of 1,000 nodes";
  inventory.reason = "Every node has it.";
  targets.push_back(target("4.1.3", "Eight accelerators a node", Level::mandatory, "", {inventory}));

  PartVerdict fleet = good_gemm();
  add_fleet(fleet, 8000, 712 * tera, 2.2 * tera);
  targets.push_back(target("4.2.1", "Sustained BF16 matrix product, each GPU", Level::mandatory,
                           "compute/gemm.rate", {fleet}));
  targets.back().across_text = "at least 99 % of devices";
  targets.back().findings.push_back(
      {"ASY-2006", "n100 rank 0 (NVIDIA H200) is 7.4 % below the median of its siblings"});

  PartVerdict spread = decided(part(Kind::spread_at_most, "compute/gemm dtype=bf16 m=8192", "1", 0.05, 0.05,
                                    {0.0512, 0.0521, 0.0509, 0.0533, 0.0511, 0.0518, 0.0507}),
                               Verdict::fail, "spread <= 5 %", "None of 7 launches met the limit.");
  spread.devices = 8000;
  targets.push_back(target("4.2.2", "GPUs are alike", Level::mandatory, "compute/gemm.rate", {spread}));
  targets.push_back(target("4.3.2", "All-reduce of 1 GiB", Level::mandatory, "collectives/allreduce.busbw",
                           {bad_allreduce(), good_gemm()}));
  targets.back().findings.push_back(
      {"ASY-2001", "n003 rank 2: expected at least 352.8 GB/s, measured 340.1 GB/s"});

  PartVerdict scattered = decided(
      part(Kind::at_most, "collectives/allreduce bytes=8B mode=latency", "s", 12e-6, 12.6e-6,
           {9.8e-6, 14.1e-6, 11.9e-6, 232e-6, 12.7e-6, -1, 11.4e-6, 13.0e-6, 12.1e-6, 12.9e-6, 11.8e-6,
            12.65e-6}),
      Verdict::inconclusive, "<= 12 us", "5 of 12 launches met the limit; 12 launches did not decide.");
  scattered.interval = {11.4e-6, 14.1e-6};
  targets.push_back(target("4.3.3", "Latency of a small all-reduce", Level::mandatory,
                           "collectives/allreduce.p99", {scattered}));

  PartVerdict wrong =
      decided(part(Kind::at_least, "compute/gemm dtype=int8 m=8192", "FLOP/s", 1400 * tera, 1400 * tera,
                   {1510 * tera, 1502 * tera, -1, -1, 1506 * tera, -1, 1499 * tera}),
              Verdict::invalid, ">= 1400 TOP/s", "The check failed in 3 of 7 launches.");
  targets.push_back(target("4.2.4", "INT8 matrix product", Level::mandatory, "compute/gemm.rate", {wrong}));
  targets.back().findings.push_back(
      {"ASY-1001", "n003 rank 2, launch 3: error 0.41, bound 0.0078 (Freivalds, 8 vectors)"});

  targets.push_back(target("5.1", "Checkpoint of 1 TiB", Level::mandatory, "io/checkpoint.bandwidth", {}));
  targets.back().parts.push_back(
      decided(part(Kind::at_least, "io/checkpoint bytes=1TiB", "B/s", 200 * giga, 200 * giga, {-1, -1, -1}),
              Verdict::missing, ">= 200 GB/s", "No launch gave a value: timeout in 3 of 3."));

  PartVerdict waived = decided(part(Kind::at_least, "memory/stream array=4GiB", "B/s", 4.2e12, 4.2e12,
                                    {4.1e12, 4.12e12, 4.11e12, 4.13e12, 4.1e12, 4.11e12, 4.14e12}),
                               Verdict::fail, ">= 4.2 TB/s", "None of 7 launches met the limit.");
  targets.push_back(target("4.4.1", "Memory bandwidth", Level::mandatory, "memory/stream.triad", {waived}));
  targets.back().verdict = Verdict::waived;
  targets.back().waiver = Waiver{"4.4.1",
                                 "Procurement board",
                                 "Jane Roe",
                                 "2026-11-20",
                                 "firmware with the full refresh rate follows in January",
                                 "3",
                                 {}};

  PartVerdict ratio =
      decided(part(Kind::at_least, "memory/transfer direction=h2d", "1", 0.12, 0.12,
                   {0.131, 0.133, 0.129, 0.1322, 0.1305, 0.134, 0.1299}),
              Verdict::pass, ">= 12 % of memory/stream.triad", "7 of 7 launches met the limit.");
  targets.push_back(
      target("4.4.2", "Host link against memory", Level::scored, "memory/transfer.bandwidth", {ratio}));
  targets.back().weight = 2;
  PartVerdict few = decided(
      part(Kind::at_least, "training/llm_step model=1B", "token/s", 41000, 41000, {42100, 41990, 42050}),
      Verdict::inconclusive, ">= 41 ktokens/s", "3 launches are too few to decide.");
  targets.push_back(target("6.1", "Tokens per second", Level::reported, "training/llm_step.rate", {few}));
  PartVerdict document;
  document.kind = Kind::document;
  document.verdict = Verdict::pass;
  document.required_text = "confirmed by a person";
  document.measured_text = "John Doe, 2026-11-19, maintenance.pdf";
  document.reason = "Confirmed, and the file has the stated hash.";
  targets.push_back(target("7.1", "Maintenance plan delivered", Level::mandatory, "", {document}));

  judgement.overall = Verdict::fail;
  judgement.headline = "Fails: 2 of 9 mandatory clauses, 1 invalid, 1 missing, 1 undecided";
  judgement.exit_status = ExitStatus::fail;
  judgement.findings = {{"ASY-4006", "The last line of records.jsonl was cut off; it was not used."},
                        {"ASY-9999", "A code that this version does not know."}};
  complete(judgement);
  judgement.coverage[1].coverage = Coverage::part;
  judgement.coverage[1].note = "measured on 998 of 1,000 nodes: n017 and n311 are excluded";
  return judgement;
}

Judgement empty() {
  Judgement judgement = frame();
  judgement.campaigns.clear();
  judgement.machine.clear();
  judgement.commands.clear();
  judgement.finished.clear();
  judgement.headline = "Undecided: nothing was judged";
  return judgement;
}

Judgement hostile() {
  const std::string markup =
      "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp; | `x` **b** "
      "[l](http://e.invalid)";
  const std::string controls = std::string("nul\0 esc\x1b[31m bell\x07 cr\r\nlf del\x7f ", 33) + "\xC2\x9B" +
                               "c1 \xE2\x80\xAE" + "override \xFF\xFE broken \xEF\xBF\xBF";
  const std::string endless(600, 'W');
  Judgement judgement = small();
  judgement.system = markup;
  judgement.campaign = endless;
  judgement.plan_name = controls;
  judgement.targets_name = markup + endless;
  judgement.headline = "Fails: " + markup;
  judgement.decision_text = controls;
  judgement.started = controls;
  for (TargetVerdict& each : judgement.targets) {
    each.id = "4.2 \"><b>" + markup;
    each.title = markup + endless;
    each.source = "=HYPERLINK(\"http://e.invalid\")";
    each.fom = endless;
    each.where_text = controls;
    each.reason = markup + controls;
    each.findings = {{"ASY-2001", markup + endless}, {markup, controls}};
    for (PartVerdict& each_part : each.parts) {
      each_part.case_label = endless + markup;
      each_part.required_text = ">= " + endless;
      each_part.reason = controls;
      each_part.repeat_command = "assay-bench '" + endless + "' " + markup;
      for (LaunchPoint& launch : each_part.launches) launch.trouble = markup;
      DeviceVerdict device;
      device.node = markup;
      device.name = endless;
      device.id = controls;
      each_part.worst_devices = {device};
      each_part.devices = 2;
    }
  }
  judgement.targets[1].waiver = Waiver{"4.3.2", markup, endless, controls, markup, "@all", {}};
  judgement.targets[1].verdict = Verdict::waived;
  judgement.coverage[0].note = markup;
  judgement.cases[0].label = markup + endless;
  judgement.cases[0].status = controls;
  judgement.machine = {{markup, endless}, {endless, markup}};
  judgement.commands = {markup + endless};
  judgement.campaigns[0].headline = markup;
  judgement.campaigns[0].folder = endless;
  return judgement;
}

Judgement large() {
  Judgement judgement = frame();
  for (int i = 0; i < 20; ++i) {
    PartVerdict fleet = good_gemm();
    fleet.case_label = "compute/gemm dtype=bf16 m=" + std::to_string(1024 * (i + 1));
    fleet.launches.resize(3);
    for (int launch = 3; launch < 10; ++launch)
      fleet.launches.push_back({0, launch + 1, (700.0 + launch) * tera, true, ""});
    add_fleet(fleet, 8000, 712 * tera, 2.2 * tera);
    judgement.targets.push_back(target("4.2." + std::to_string(i + 1),
                                       "Sustained BF16 matrix product, each GPU", Level::mandatory,
                                       "compute/gemm.rate", {fleet, fleet}));
  }
  judgement.overall = Verdict::pass;
  judgement.headline = "Passes: 20 of 20 mandatory clauses";
  judgement.exit_status = ExitStatus::pass;
  complete(judgement);
  return judgement;
}

std::vector<std::pair<std::string, Judgement>> all() {
  return {{"small", small()}, {"passing", passing()}, {"everything", everything()},
          {"empty", empty()}, {"hostile", hostile()}, {"large", large()}};
}

}  // namespace assay::samples
