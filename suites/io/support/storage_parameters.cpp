#include "suites/io/support/storage_parameters.h"

namespace assay::bench {

namespace {

/// What O_DIRECT asks for at most on common file systems: whole pages.
constexpr std::int64_t direct_unit_bytes = 4096;

}  // namespace

ParameterSpec block_parameter(std::int64_t default_bytes) {
  ParameterSpec block;
  block.name = "block";
  block.type = ParameterType::bytes;
  block.unit = "B";
  block.default_value = default_bytes;
  block.minimum = 1;
  block.maximum = static_cast<double>(std::int64_t{1} << 30);
  block.meaning = "bytes of one operation";
  return block;
}

ParameterSpec queue_depth_parameter(std::int64_t default_depth) {
  ParameterSpec depth;
  depth.name = "queue_depth";
  depth.type = ParameterType::integer;
  depth.default_value = default_depth;
  depth.minimum = 1;
  depth.maximum = 4096;
  depth.meaning = "operations of a rank under way at once (engine io_uring; the others have one)";
  return depth;
}

ParameterSpec engine_parameter() {
  ParameterSpec engine;
  engine.name = "engine";
  engine.type = ParameterType::choice;
  engine.default_value = std::string("io_uring");
  engine.choices = {"io_uring", "posix"};
  engine.meaning = "io_uring, or pread and pwrite one at a time";
  return engine;
}

ParameterSpec direct_parameter() {
  ParameterSpec direct;
  direct.name = "direct";
  direct.type = ParameterType::flag;
  direct.default_value = true;
  direct.meaning = "past the page cache (O_DIRECT); otherwise the pages are dropped before the read";
  return direct;
}

std::string direct_unsupported(bool direct, std::int64_t block_bytes) {
  if (!direct || block_bytes % direct_unit_bytes == 0) return {};
  return "O_DIRECT moves whole pages, and blocks of " + std::to_string(block_bytes) +
         " bytes are none; give a multiple of 4096, or direct=false";
}

}  // namespace assay::bench
