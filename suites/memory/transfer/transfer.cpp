#include "suites/memory/transfer/transfer.h"

#include <cstring>

#include "reports/base/error.h"
#include "suites/device/gpu/build.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/parameters.h"
#include "suites/memory/support/turns.h"

namespace assay::bench {

namespace transfer {

std::uint64_t payload_word(std::uint64_t key, std::uint64_t index) {
  std::uint64_t z = (key ^ 0x5851f42d4c957f2du) + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 31)) * 0xd6e8feb86659fd93u;
  return z ^ (z >> 32);
}

void fill_payload(void* bytes, std::uint64_t count, std::uint64_t key) {
  auto* words = static_cast<unsigned char*>(bytes);
#pragma omp parallel for schedule(static)
  for (std::uint64_t i = 0; i < count / 8; ++i) {
    const std::uint64_t word = payload_word(key, i);
    std::memcpy(words + 8 * i, &word, sizeof word);
  }
}

PayloadErrors compare_payload(const void* bytes, std::uint64_t count, std::uint64_t key) {
  const auto* words = static_cast<const unsigned char*>(bytes);
  std::uint64_t wrong = 0, first = count;
#pragma omp parallel for schedule(static) reduction(+ : wrong) reduction(min : first)
  for (std::uint64_t i = 0; i < count / 8; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, words + 8 * i, sizeof word);
    if (word == payload_word(key, i)) continue;
    ++wrong;
    if (8 * i < first) first = 8 * i;
  }
  return {wrong, wrong > 0 ? first : 0};
}

void PayloadCheck::add(const std::string& destination, const PayloadErrors& errors) {
  ++destinations_;
  wrong_ += errors.wrong;
  if (errors.wrong > 0)
    words_ += "; " + std::to_string(errors.wrong) + " wrong in " + destination + ", the first at byte " +
              std::to_string(errors.first);
}

Check PayloadCheck::result() const {
  Check check;
  check.status = wrong_ == 0 && destinations_ > 0 ? CheckStatus::pass : CheckStatus::fail;
  check.error = static_cast<double>(wrong_);
  check.bound = 0;
  check.how = "every 8-byte word of " + std::to_string(destinations_) + " destinations, exact" + words_;
  return check;
}

std::uint64_t copied_bytes(const Parameters& parameters) {
  constexpr std::uint64_t line = 64;
  return (static_cast<std::uint64_t>(integer(parameters, "bytes")) + line - 1) / line * line;
}

namespace {

device::Selected gpu_of_rank(const ProcessGroup& group) {
  return device::gpu(place_on_own_node(group), ranks_on_own_node(group));
}

std::string unsupported(const Parameters& parameters, const Context& context) {
  if (text(parameters, "host_memory") == "pageable" && text(parameters, "by") == "kernel" &&
      text(parameters, "path") == "host")
    return "a kernel cannot reach pageable memory of the host; choose host_memory = pinned or by = engine";
  const auto [gpu, missing] = gpu_of_rank(context.group);
  if constexpr (gpu::compiled) {
    if (gpu != nullptr) return unsupported_on_gpu(parameters, context, *gpu);
  }
  return missing;
}

std::unique_ptr<Case> make([[maybe_unused]] const Parameters& parameters, const Context& context) {
  const auto [gpu, missing] = gpu_of_rank(context.group);
  if (gpu == nullptr) throw Error(ExitStatus::cannot_run, missing);
  if constexpr (gpu::compiled) {
    if (text(parameters, "path") == "devices") return make_pairs_case(parameters, context, *gpu);
    return make_host_case(parameters, context, *gpu);
  }
  throw Error(ExitStatus::cannot_run, missing);
}

BenchmarkSpec describe_transfer() {
  BenchmarkSpec spec;
  spec.name = "memory/transfer";
  spec.title = "Copies between host and GPU, within a GPU and between GPUs";
  spec.area = "memory";
  spec.scope = Scope::device;
  constexpr double most = static_cast<double>(std::int64_t{1} << 40);
  spec.parameters = {
      bytes_parameter("bytes", std::int64_t{256} << 20, 64, most, "of one copy"),
      choice_parameter(
          "path", {"host", "within", "devices"},
          "between host and GPU, from a GPU to itself, or between every pair of the node's GPUs"),
      choice_parameter("host_memory", {"pinned", "pageable"},
                       "of the host: at a fixed place, or as programs get it"),
      choice_parameter("by", {"engine", "kernel"}, "the GPU's copy engines, or its cores")};
  const auto figure = [&](const char* name, const char* path, const char* meaning) {
    spec.foms.push_back(
        {name, "B/s", Better::higher, meaning, std::pair<std::string, std::string>{"path", path}});
  };
  figure("to_device", "host", "bytes / time, median");
  figure("to_host", "host", "bytes / time, median");
  figure("both", "host", "bytes of both directions at once / time, median");
  figure("within", "within", "bytes read and written / time, median");
  figure("slowest_pair", "devices", "bytes / time of the slowest ordered pair of each pass, median");
  return spec;
}

}  // namespace

}  // namespace transfer

const Benchmark& memory_transfer();
const Benchmark& memory_transfer() {
  static const Benchmark benchmark{transfer::describe_transfer(), &transfer::unsupported, &transfer::make};
  return benchmark;
}

}  // namespace assay::bench
