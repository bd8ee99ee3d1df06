#include <cerrno>

#include "suites/harness/parameters.h"
#include "suites/io/stream/stream.h"
#include "suites/io/support/block_io.h"
#include "suites/io/support/storage_parameters.h"
#include "suites/io/support/workspace.h"

namespace assay::bench {

namespace {

std::string unsupported(const Parameters& parameters, const Context& context) {
  const std::string& engine = text(parameters, "engine");
  const std::int64_t block = integer(parameters, "block");
  const std::int64_t bytes = integer(parameters, "bytes");
  std::string reason = storage_unsupported(context, text(parameters, "storage"));
  if (reason.empty()) reason = direct_unsupported(flag(parameters, "direct"), block);
  if (reason.empty() && bytes % block != 0) {
    reason = std::to_string(bytes) + " bytes a rank are no whole number of blocks of " +
             std::to_string(block) + "; give a multiple";
  }
  if (reason.empty() && engine == "io_uring") reason = io_uring_unsupported();
  if (reason.empty() && engine == "mpiio") {
    if (flag(parameters, "direct")) reason = "MPI-IO goes through the page cache; give direct=false";
    if (context.group.alone()) reason = "MPI-IO needs MPI; start it with mpiexec -n 1";
  }
  return reason;
}

BenchmarkSpec describe_stream() {
  BenchmarkSpec spec;
  spec.name = "io/stream";
  spec.title = "Storage: sequential write, then read, of the same run";
  spec.area = "io";
  spec.scope = Scope::group;
  spec.own_start = true;
  ParameterSpec bytes = bytes_parameter(
      "bytes", std::int64_t{512} << 20, 0, {},
      "of each rank; 0: so many that all ranks write 1.5 x the RAM of the nodes, for acceptance");
  ParameterSpec layout = choice_parameter(
      "layout", {"per_rank", "shared", "strided"},
      "a file for each rank; one file with each rank's bytes in one piece; one file with the ranks' blocks "
      "side by side");
  ParameterSpec engine = engine_parameter();
  engine.choices.emplace_back("mpiio");
  engine.meaning += ", or MPI-IO's collective calls (they need direct=false)";
  ParameterSpec stonewall = real_parameter(
      "stonewall", "s", 0.0, 0, {},
      "no rank begins to write a block after so long, then all write as much as the one that came "
      "furthest (acceptance: 300 s); 0: the whole size");
  ParameterSpec fsync = flag_parameter("fsync", true, "the write time includes fsync");
  ParameterSpec preallocate = flag_parameter(
      "preallocate", true,
      "room for the file is reserved first (fallocate), within the write time; as fio does, untimed");
  spec.parameters = {bytes,
                     block_parameter(std::int64_t{1} << 20),
                     layout,
                     engine,
                     queue_depth_parameter(16),
                     direct_parameter(),
                     stonewall,
                     fsync,
                     preallocate,
                     storage_parameter()};
  spec.foms = {
      {"write",
       "B/s",
       Better::higher,
       "bytes of all ranks / longest time over all ranks, open to close, fsync included",
       {}},
      {"read", "B/s", Better::higher, "the same for reading what another rank wrote in the same run", {}},
  };
  return spec;
}

}  // namespace

const Benchmark& io_stream() {
  static const Benchmark benchmark{describe_stream(), &unsupported, &make_stream};
  return benchmark;
}

}  // namespace assay::bench
