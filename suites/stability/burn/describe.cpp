// What stability/burn says of itself, and what it needs.
#include <memory>
#include <string>

#include "reports/base/error.h"
#include "reports/record/unit.h"
#include "suites/compute/gemm/gemm_check.h"
#include "suites/harness/available_memory.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/parameters.h"
#include "suites/memory/support/turns.h"
#include "suites/stability/burn/burn.h"

namespace assay::bench {

const Benchmark& compute_gemm();

namespace stability {

GemmCase burn_product(const Parameters& parameters) {
  const std::int64_t n = integer(parameters, "n");
  return gemm_case({{"dtype", text(parameters, "dtype")}, {"m", n}, {"n", n}, {"k", n}});
}

MemoryShare share_memory(const Parameters& parameters, const Context& context, device::Device& device) {
  constexpr std::uint64_t granule = std::uint64_t{1} << 20;
  const GemmCase gemm = burn_product(parameters);
  const auto n = static_cast<double>(gemm.n);
  MemoryShare share;
  const double workspace = device.works_by_itself() ? 0x1p29 : 0x1p26;
  share.operands = gemm_slot_bytes(gemm) + n * n * static_cast<double>(bytes_of(product_of(gemm.element))) +
                   32.0 * freivalds_vectors * n + workspace;
  // Ranks of a node share its memory, a GPU is its rank's own.
  share.available = device.works_by_itself()
                        ? static_cast<double>(device.available_bytes().value_or(0))
                        : static_cast<double>(available_memory_bytes()) / ranks_on_own_node(context.group);
  const double asked = real(parameters, "memory_fraction") * (share.available - share.operands);
  if (asked > 0) share.tested = static_cast<std::uint64_t>(asked) / granule * granule;
  return share;
}

}  // namespace stability

namespace {

using stability::burn_product;
using stability::MemoryShare;

constexpr std::int64_t size_unit = 16;  // whole packs of 16 bytes, and what libraries ask of fp8

std::string lacks_memory(const Parameters& parameters, const Context& context, device::Device& device) {
  const MemoryShare share = stability::share_memory(parameters, context, device);
  const bool tests = real(parameters, "memory_fraction") > 0;
  const std::string whose = device.works_by_itself() ? "the GPU" : "each rank of this node";
  if (share.available <= 0)
    return tests ? "how much memory " + whose + " may use is not known; give memory_fraction = 0" : "";
  if (share.operands > 0.95 * share.available)
    return "the operands need " + format_value(share.operands, "B") + ", and " + whose + " has " +
           format_value(share.available, "B") + " left; give a smaller n";
  if (tests && share.tested == 0)
    return "this memory_fraction leaves less than 1 MiB to test; give a larger one, or 0 to test no memory";
  return {};
}

std::string unsupported(const Parameters& parameters, const Context& context) {
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) return missing;
  const GemmCase gemm = burn_product(parameters);
  if (gemm.n % size_unit != 0)
    return "n is " + std::to_string(gemm.n) + ", and results are compared in packs that need a multiple of " +
           std::to_string(size_unit) + "; give such an n";
  if (std::string reason = device->gemm_unsupported(gemm.element); !reason.empty()) return reason;
  std::string reason = device->gemm_sizes_unsupported(gemm.element, gemm.m, gemm.n, gemm.k);
  return reason.empty() ? lacks_memory(parameters, context, *device) : reason;
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) throw Error(ExitStatus::cannot_run, missing);
  return stability::make_burn(parameters, context, *device);
}

BenchmarkSpec make_spec() {
  BenchmarkSpec spec;
  spec.name = "stability/burn";
  spec.title = "All devices under full load at once for a set time, every result compared bit by bit";
  spec.area = "stability";
  spec.scope = Scope::device;
  spec.own_start = true;
  spec.parameters = {
      *compute_gemm().spec.find_parameter("dtype"),
      integer_parameter("n", 2048, size_unit, 1 << 20, "rows and columns of A, B and C; a multiple of 16"),
      real_parameter(
          "duration", "s", 10.0, 0.1, 7 * 86400.0,
          "how long, in windows of a second, at least 4 and at most 64 of them; --time has no say"),
      real_parameter("memory_fraction", "", 0.5, 0.0, 0.95,
                     "share of the device's memory beside the operands that is written with patterns and "
                     "read back"),
      real_parameter("memory_time", "", 0.1, 0.0, 0.5, "largest share of the time that goes to memory"),
      device_parameter()};
  spec.foms = {
      {"rate", "FLOP/s", Better::higher, "2 n^3 operations over the mean time of a product, the whole burn",
       std::nullopt},
      {"rate_worst", "FLOP/s", Better::higher, "the same in the slowest window", std::nullopt},
      {"steadiness", "1", Better::higher, "rate_worst over rate", std::nullopt},
      {"memory_rate", "B/s", Better::higher,
       "memory read, compared and written again, median over the windows; none where no memory is tested",
       std::nullopt}};
  return spec;
}

}  // namespace

const Benchmark& stability_burn();
const Benchmark& stability_burn() {
  static const Benchmark benchmark{make_spec(), unsupported, make};
  return benchmark;
}

}  // namespace assay::bench
