// The program's own hot paths under Google Benchmark: parsing records, E-values, judging, what still needs
// launches, rendering. A made-up fleet with a fixed seed; `ci/bench --benchmark_filter=judge` runs a
// part.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>

#include "reports/judge/judge.h"
#include "reports/judge/statistics.h"
#include "reports/record/record_json.h"
#include "reports/render/render.h"

namespace assay {
namespace {

/// splitmix64 (Steele, Lea, Flood 2014), as numbers about normal with unit variance.
class Noise {
 public:
  double next() {
    double sum = -2;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>(step() >> 11) * 0x1p-53;
    return sum * std::sqrt(3.0);
  }

 private:
  std::uint64_t step() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t state_ = 1;
};

BenchmarkSpec gemm_spec() {
  BenchmarkSpec spec;
  spec.name = "compute/gemm";
  spec.area = "compute";
  spec.parameters = {{"m", ParameterType::integer, "", std::int64_t{1024}, {}, {}, {}, "rows"}};
  spec.foms = {{"rate", "FLOP/s", Better::higher, "rate", {}}};
  return spec;
}

CaseIdentity fleet_case(int index, int devices) {
  return {"compute/gemm", {{"m", std::int64_t{1024} * (index + 1)}}, {Placement::each, 1, devices, 0}};
}

Record fleet_record(int index, int start, int node, int devices, int samples, Noise& noise) {
  const CaseIdentity identity = fleet_case(index, devices);
  Record record;
  record.benchmark = identity.benchmark;
  record.parameters = identity.parameters;
  record.geometry = identity.geometry;
  record.start = start;
  record.position = index + 1;
  record.node = "n" + std::to_string(10000 + node);
  record.started = "2026-11-22T10:00:00.000Z";
  record.foms = {{"rate", 7e14, "FLOP/s", Better::higher, Reduce::median, std::nullopt}};
  for (int d = 0; d < devices; ++d) {
    DeviceResult device;
    device.rank = d;
    device.kind = "gpu";
    device.name = "Made-up accelerator";
    device.id = record.node + "-" + std::to_string(d);
    device.warmups = 5;
    device.iterations = 40;
    const double slow = (node * devices + d) % 1000 < 3 ? 1.08 : 1.0;
    for (int s = 0; s < samples; ++s) device.samples_s.push_back(slow * (1 + 0.004 * noise.next()));
    device.converged = true;
    device.check = {CheckStatus::pass, 0.0031, 0.0078, "Freivalds, 8 vectors"};
    device.conditions.steal_fraction = 0.0;
    record.devices.push_back(std::move(device));
  }
  return record;
}

/// nodes x 8 devices x cases x launches; half of the targets for each device, half for 99 % of them.
struct Fleet {
  Fleet(int nodes, int cases, int launches) {
    constexpr int devices = 8;
    catalogue.benchmarks = {gemm_spec()};
    plan.name = "fleet";
    plan.max_launches = 30;
    targets.name = "fleet";
    for (int c = 0; c < cases; ++c) {
      const CaseIdentity identity = fleet_case(c, devices);
      plan.cases.push_back({identity, identity.key(), 120, {}});
      Target target;
      target.id = std::to_string(c + 1);
      target.benchmark = "compute/gemm";
      target.fom = "rate";
      target.unit = "FLOP/s";
      target.where["m"] = {identity.parameters.at("m")};
      target.at_least = Limit{LimitKind::absolute, c % 2 == 0 ? 6.3e14 : 6.8e14, "", "", ""};
      target.across = c % 2 == 0 ? Across::each_device : Across::share_of_devices;
      target.device_share = 0.99;
      targets.targets.push_back(target);
    }
    Noise noise;
    for (int launch = 1; launch <= launches; ++launch) {
      for (int c = 0; c < cases; ++c) {
        for (int node = 0; node < nodes; ++node) data.add(fleet_record(c, launch, node, devices, 1, noise));
      }
    }
  }
  JudgeInput input() const { return {plan, targets, catalogue, data, {}, {}, "assay-bench"}; }

  Catalogue catalogue;
  Plan plan;
  Targets targets;
  CampaignData data;
};

/// Built once, for all that measure the large one: 1.6 million values.
const Fleet& large_fleet() {
  static const Fleet fleet(1000, 20, 10);
  return fleet;
}

void e_value_direct(benchmark::State& state) {
  const auto n = static_cast<int>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(e_pass(n - n / 4, n / 4));
}
BENCHMARK(e_value_direct)->Arg(8)->Arg(30)->Arg(1000);

void e_value_table(benchmark::State& state) {
  EValues table(0.5);
  int met = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.pass(met, 1));
    met = (met + 1) % 30;
  }
}
BENCHMARK(e_value_table);

void parse_one_record(benchmark::State& state) {
  Noise noise;
  const std::string line = to_json_line(fleet_record(0, 1, 1, 8, static_cast<int>(state.range(0)), noise));
  for (auto _ : state) benchmark::DoNotOptimize(parse_record(line, {"records.jsonl", 1, 0}));
  state.SetBytesProcessed(static_cast<std::int64_t>(line.size()) * state.iterations());
}
BENCHMARK(parse_one_record)->Arg(1)->Arg(8)->Arg(64);

void write_one_record(benchmark::State& state) {
  Noise noise;
  const Record record = fleet_record(0, 1, 1, 8, 8, noise);
  for (auto _ : state) benchmark::DoNotOptimize(to_json_line(record));
}
BENCHMARK(write_one_record);

void judge_small_campaign(benchmark::State& state) {
  const Fleet fleet(1, 20, 10);
  for (auto _ : state) benchmark::DoNotOptimize(judge(fleet.input()));
}
BENCHMARK(judge_small_campaign)->Unit(benchmark::kMillisecond);

void judge_large_fleet(benchmark::State& state) {
  const Fleet& fleet = large_fleet();
  for (auto _ : state) benchmark::DoNotOptimize(judge(fleet.input()));
  state.SetItemsProcessed(1'600'000 * state.iterations());
}
BENCHMARK(judge_large_fleet)->Unit(benchmark::kMillisecond);

/// 2,000 devices, asked after every start.
void settled_after_a_start(benchmark::State& state) {
  const Fleet fleet(250, 20, 8);
  for (auto _ : state) benchmark::DoNotOptimize(settled(fleet.input()));
}
BENCHMARK(settled_after_a_start)->Unit(benchmark::kMillisecond);

template <std::string (*Render)(const Judgement&)>
void render_large_fleet(benchmark::State& state) {
  static const Judgement judgement = judge(large_fleet().input());
  std::size_t size = 0;
  for (auto _ : state) size = Render(judgement).size();
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(render_large_fleet<render_json>)->Unit(benchmark::kMillisecond);
BENCHMARK(render_large_fleet<render_html>)->Unit(benchmark::kMillisecond);
BENCHMARK(render_large_fleet<render_markdown>)->Unit(benchmark::kMillisecond);
BENCHMARK(render_large_fleet<render_junit>)->Unit(benchmark::kMillisecond);
BENCHMARK(render_large_fleet<render_csv>)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace assay

BENCHMARK_MAIN();
