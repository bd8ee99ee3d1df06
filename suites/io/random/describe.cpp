#include "suites/harness/parameters.h"
#include "suites/io/random/random.h"
#include "suites/io/support/block_io.h"
#include "suites/io/support/storage_parameters.h"
#include "suites/io/support/workspace.h"

namespace assay::bench {

namespace {

std::string unsupported(const Parameters& parameters, const Context& context) {
  const std::int64_t block = integer(parameters, "block");
  const std::int64_t sample = integer(parameters, "sample_bytes");
  const std::int64_t shards = integer(parameters, "shards");
  const std::int64_t bytes = integer(parameters, "bytes");
  const bool epoch = text(parameters, "pattern") == "data_loader";
  std::string reason = storage_unsupported(context, text(parameters, "storage"));
  if (!reason.empty()) return reason;
  // Also without O_DIRECT: two blocks in one page, and the second would come from memory.
  if (block % 4096 != 0)
    return "blocks of " + std::to_string(block) + " bytes are no whole pages; give a multiple of 4096";
  if (epoch && sample % block != 0) {
    return "samples of " + std::to_string(sample) + " bytes are no whole number of blocks of " +
           std::to_string(block) + "; give a multiple";
  }
  const std::int64_t unit = shards * (epoch ? sample : block);
  if (bytes % unit != 0) {
    return std::to_string(bytes) + " bytes a rank do not fill " + std::to_string(shards) +
           " shards with whole " + (epoch ? "samples" : "blocks") + "; give a multiple of " +
           std::to_string(unit);
  }
  if (text(parameters, "engine") == "io_uring") return io_uring_unsupported();
  return {};
}

BenchmarkSpec describe_random() {
  BenchmarkSpec spec;
  spec.name = "io/random";
  spec.title = "Storage: random reads";
  spec.area = "io";
  spec.scope = Scope::group;
  spec.own_start = true;
  ParameterSpec pattern = choice_parameter(
      "pattern", {"uniform", "data_loader"},
      "blocks of another rank's files in random order; or samples of all ranks' shards in the shuffled "
      "order of a training epoch");
  ParameterSpec bytes =
      bytes_parameter("bytes", std::int64_t{256} << 20, 4096, {}, "files of each rank, all shards together");
  ParameterSpec shards = integer_parameter("shards", 4, 1, 1 << 20, "files of each rank");
  ParameterSpec sample =
      bytes_parameter("sample_bytes", std::int64_t{128} << 10, 4096, {},
                      "pattern data_loader: bytes of a sample, read as its blocks in their order");
  ParameterSpec operations =
      integer_parameter("operations", 16384, 0, {},
                        "blocks that a rank reads in one pass, none twice; 0: all that it may read");
  spec.parameters = {block_parameter(4096),
                     pattern,
                     bytes,
                     shards,
                     sample,
                     operations,
                     engine_parameter(),
                     queue_depth_parameter(32),
                     direct_parameter(),
                     storage_parameter()};
  spec.foms = {
      {"iops", "IOPS", Better::higher, "blocks of all ranks / longest time over all ranks", {}},
      {"read", "B/s", Better::higher, "bytes of all ranks / longest time over all ranks", {}},
      {"p50", "s", Better::lower, "half of the reads take no longer, from submission to completion", {}},
      {"p99", "s", Better::lower, "99 of 100 reads take no longer", {}},
      {"p99_9", "s", Better::lower, "999 of 1000 reads take no longer", {}},
      {"samples", "sample/s", Better::higher, "samples of all ranks / longest time over all ranks",
       std::pair<std::string, std::string>{"pattern", "data_loader"}},
  };
  return spec;
}

}  // namespace

const Benchmark& io_random() {
  static const Benchmark benchmark{describe_random(), &unsupported, &make_random};
  return benchmark;
}

}  // namespace assay::bench
