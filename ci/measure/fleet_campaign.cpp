// Writes the campaign folder of a made-up machine, to measure judging and rendering at scale:
//   fleet_campaign FOLDER [NODES DEVICES CASES LAUNCHES]      (default 1000 8 20 10: 1.6 million values)
// Rates spread by 0.5 % over devices and by 0.3 % over launches; three devices in a thousand are 8 % slow.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "reports/base/files.h"
#include "reports/evidence/chain.h"
#include "reports/evidence/journal.h"
#include "reports/evidence/layout.h"
#include "reports/record/record_json.h"

namespace {

/// splitmix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed) {}
  /// About normal: the sum of four uniform numbers, centred, with unit variance.
  double normal() {
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>(next() >> 11) * 0x1p-53;
    return (sum - 2) * std::sqrt(3.0);
  }

 private:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

std::string node_name(int node) {
  char text[16];
  std::snprintf(text, sizeof text, "n%04d", node + 1);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace assay;
  if (argc != 2 && argc != 6) {
    std::fprintf(stderr, "usage: fleet_campaign FOLDER [NODES DEVICES CASES LAUNCHES]\n");
    return 3;
  }
  const std::filesystem::path folder = argv[1];
  const auto count = [&](int index, int otherwise) { return argc == 6 ? std::atoi(argv[index]) : otherwise; };
  const int nodes = count(2, 1000), devices = count(3, 8), cases = count(4, 20), launches = count(5, 10);
  constexpr double base_rate = 7e14;  // FLOP/s
  std::filesystem::create_directories(folder);

  std::string sizes,
      targets = "schema = \"assay.targets/1\"\nname = \"Made-up fleet\"\ncampaigns = \"independent\"\n";
  for (int c = 0; c < cases; ++c) {
    const int m = 1024 * (c + 1);
    sizes += (c > 0 ? ", " : "") + std::to_string(m);
    targets += "\n[[target]]\nid = \"" + std::to_string(c + 1) +
               "\"\ntitle = \"Matrix product, m = " + std::to_string(m) +
               "\"\nfom = \"compute/gemm.rate\"\nwhere = { m = " + std::to_string(m) + " }\nat_least = \"" +
               (c % 2 == 0 ? "670 TFLOP/s\"\nacross = \"at least 99 %\"\n" : "630 TFLOP/s\"\n");
  }
  const std::string plan =
      "schema = \"assay.plan/1\"\nname = \"fleet\"\n\n[[case]]\nbenchmark = \"compute/gemm\"\nparameters = { "
      "m = [" +
      sizes + "] }\ngeometry = { nodes = \"each\", ranks_per_node = " + std::to_string(devices) + " }\n";
  write_file(folder / layout::plan, plan);
  write_file(folder / layout::targets, targets);

  std::ofstream machine(folder / layout::machine);
  machine << R"({"schema":"assay.machine/1","assay_version":"0","created":"2026-11-22T10:00:00Z","nodes":[)";
  for (int node = 0; node < nodes; ++node) {
    machine << (node > 0 ? "," : "") << R"({"node":")" << node_name(node) << R"(","facts":{"gpus_per_node":)"
            << devices << "}}";
  }
  machine << R"(],"mpi":"none","libraries":{},"environment":{},"warnings":[]})"
          << "\n";

  std::ofstream records(folder / layout::records);
  std::filesystem::remove(folder / layout::journal);
  ChainFile journal(folder / layout::journal, journal_schema);
  const std::string time = "2026-11-22T10:00:00.000Z";
  journal.append(time, "campaign_started",
                 {{"plan", "fleet"},
                  {"plan_sha256", sha256_hex(plan)},
                  {"targets", "Made-up fleet"},
                  {"targets_sha256", sha256_hex(targets)},
                  {"system", "made-up"},
                  {"number", std::int64_t{1}}});
  Generator noise(1);
  std::vector<double> device_factor(static_cast<std::size_t>(nodes * devices));
  for (std::size_t i = 0; i < device_factor.size(); ++i) {
    device_factor[i] = (i % 1000 < 3 ? 0.92 : 1.0) * (1 + 0.005 * noise.normal());
  }
  Record record;
  record.benchmark = "compute/gemm";
  record.geometry = {Placement::each, 1, devices, 0};
  record.started = time;
  for (int launch = 1; launch <= launches; ++launch) {
    std::vector<std::string> keys;
    for (int c = 0; c < cases; ++c) {
      const std::int64_t m = 1024 * (c + 1);
      const double flop = 2.0 * static_cast<double>(m) * 2048 * 2048;
      record.parameters = {
          {"dtype", std::string("f32")}, {"m", m}, {"n", std::int64_t{2048}}, {"k", std::int64_t{2048}}};
      record.start = launch;
      record.position = c + 1;
      record.foms = {{"rate", flop, "FLOP/s", Better::higher, Reduce::median, std::nullopt}};
      keys.push_back(CaseIdentity{record.benchmark, record.parameters, record.geometry}.key());
      for (int node = 0; node < nodes; ++node) {
        record.node = node_name(node);
        record.devices.clear();
        for (int d = 0; d < devices; ++d) {
          DeviceResult device;
          device.rank = d;
          device.kind = "gpu";
          device.name = "Made-up accelerator";
          device.id = record.node + "-" + std::to_string(d);
          device.warmups = 5;
          device.iterations = 40;
          const double rate = base_rate * device_factor[static_cast<std::size_t>(node * devices + d)] *
                              (1 + 0.003 * noise.normal());
          for (int s = 0; s < 8; ++s)
            device.samples_s.push_back(flop / (rate * (1 + 0.002 * noise.normal())));
          device.converged = true;
          device.check = {CheckStatus::pass, 0.0031, 0.0078, "Freivalds, 8 vectors"};
          device.conditions.clock_hz = {1.98e9};
          device.conditions.steal_fraction = 0.0;
          record.devices.push_back(std::move(device));
        }
        records << to_json_line(record) << '\n';
      }
    }
    journal.append(time, "start_started",
                   {{"start", std::int64_t{launch}}, {"cases", keys}, {"command", "made up"}});
    journal.append(time, "start_finished",
                   {{"start", std::int64_t{launch}}, {"attempted", keys}, {"outcome", "completed"}});
  }
  journal.append(time, "campaign_finished", {{"headline", ""}});
  records.flush();
  if (!records || !machine) {
    std::fprintf(stderr, "could not write below %s; is the disk full?\n", folder.c_str());
    return 4;
  }
  std::printf("%d nodes x %d devices x %d cases x %d launches = %lld values in %s\n", nodes, devices, cases,
              launches, 1LL * nodes * devices * cases * launches, folder.c_str());
  return 0;
}
