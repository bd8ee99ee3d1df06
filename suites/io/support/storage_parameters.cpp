#include "suites/io/support/storage_parameters.h"
#include "suites/harness/parameters.h"

namespace assay::bench {

namespace {

/// What O_DIRECT asks for at most on common file systems: whole pages.
constexpr std::int64_t direct_unit_bytes = 4096;

}  // namespace

ParameterSpec block_parameter(std::int64_t default_bytes) {
  return bytes_parameter("block", default_bytes, 1, static_cast<double>(std::int64_t{1} << 30),
                         "bytes of one operation");
}

ParameterSpec queue_depth_parameter(std::int64_t default_depth) {
  return integer_parameter("queue_depth", default_depth, 1, 4096,
                           "operations of a rank under way at once (engine io_uring; the others have one)");
}

ParameterSpec engine_parameter() {
  return choice_parameter("engine", {"io_uring", "posix"}, "io_uring, or pread and pwrite one at a time");
}

ParameterSpec direct_parameter() {
  return flag_parameter("direct", true,
                        "past the page cache (O_DIRECT); otherwise the pages are dropped before the read");
}

std::string direct_unsupported(bool direct, std::int64_t block_bytes) {
  if (!direct || block_bytes % direct_unit_bytes == 0) return {};
  return "O_DIRECT moves whole pages, and blocks of " + std::to_string(block_bytes) +
         " bytes are none; give a multiple of 4096, or direct=false";
}

}  // namespace assay::bench
