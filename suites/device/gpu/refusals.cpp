#include "suites/device/gpu/refusals.h"

#include <array>
#include <cstdio>

namespace assay::gpu {

namespace {

std::string gibibytes(std::uint64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f GiB", static_cast<double>(bytes) / (1 << 30));
  return text.data();
}

/// "12.4" before "13.0".
bool older_than(const std::string& version, const std::string& other) {
  int major = 0, minor = 0, other_major = 0, other_minor = 0;
  if (std::sscanf(version.c_str(), "%d.%d", &major, &minor) != 2 ||
      std::sscanf(other.c_str(), "%d.%d", &other_major, &other_minor) != 2)
    return false;
  return major != other_major ? major < other_major : minor < other_minor;
}

}  // namespace

std::string why_no_device(const NoDevice& seen) {
  const bool nvidia = seen.vendor == Vendor::nvidia;
  const std::string words = "the runtime says: " + seen.said;
  // Where no library of a driver answers, runtimes call that "insufficient" too; one that answers with an
  // older version is believed also where /proc is hidden.
  const bool older = seen.driver_insufficient && older_than(seen.driver_version, seen.runtime_version);
  if (seen.driver_version.empty() || (!seen.driver_loaded && !seen.counted && !older))
    return "no GPU driver on this node (" + words + "); " +
           (nvidia ? "install NVIDIA's driver, or use a node that has one; `nvidia-smi` shows it"
                   : "load AMD's driver (amdgpu), or use a node that has it; `rocm-smi` shows it");
  if (seen.driver_insufficient)
    return "the GPU driver supports up to " + seen.driver_version + ", this program was built with " +
           seen.runtime_version + " (" + words + "); update the driver, or build with an older toolkit";
  return "no GPU that this process may use (" + words + "); check " +
         (nvidia ? "CUDA_VISIBLE_DEVICES" : "HIP_VISIBLE_DEVICES or ROCR_VISIBLE_DEVICES") +
         " and the job's share of the node";
}

std::string too_many_ranks(int ranks, int devices) {
  if (ranks <= devices) return {};
  return std::to_string(ranks) + " ranks on this node and " + std::to_string(devices) +
         (devices == 1 ? " GPU" : " GPUs") + "; start one rank for each GPU";
}

std::string in_use_by(int others) {
  if (others <= 0) return {};
  return std::to_string(others) + (others == 1 ? " other process computes" : " other processes compute") +
         " on it, so its figures would not be its own; end them, or choose another GPU";
}

std::string lacks_element(const DeviceFacts& facts, device::Element element) {
  using device::Element;
  const auto is = [&](const char* family) { return facts.architecture.rfind(family, 0) == 0; };
  const bool fp8 = element == Element::fp8_e4m3 || element == Element::fp8_e5m2;
  const bool amd = is("gfx");
  const std::string whose = facts.name + " (" + facts.architecture + ") has ";
  // NVIDIA's from compute capability 8.9 on; AMD's is that of the FP8 paper from gfx95 on.
  if (fp8 && is("gfx94"))
    return whose + "fp8 of another kind (FNUZ), which is not measured; choose f16 or bf16";
  if (fp8 && !(amd ? is("gfx95") : facts.major * 10 + facts.minor >= 89))
    return whose + "no fp8 arithmetic; choose f16 or bf16";
  if ((element == Element::tf32 || element == Element::bf16) && !amd && facts.major < 8)
    return whose + "no " + std::string(name_of(element)) + " arithmetic; choose f16 or f32";
  return {};
}

std::string no_room(std::uint64_t wanted_bytes, std::uint64_t free_bytes, std::uint64_t total_bytes,
                    const std::string& said) {
  return "the GPU has no room for " + gibibytes(wanted_bytes) + " more: " + gibibytes(free_bytes) + " of " +
         gibibytes(total_bytes) + " are free (the runtime says: " + said +
         "); give a smaller size, or see what else uses this GPU";
}

}  // namespace assay::gpu
