// Which GPU a rank gets, in every build: where none is compiled in, the answer says so.
#include "suites/device/device.h"
#include "suites/device/gpu/build.h"
#include "suites/device/gpu/gpu_device.h"
#include "suites/device/gpu/runtime.h"

namespace assay::device {

namespace {

constexpr const char* not_compiled_in =
    "this assay-bench has no GPU code (ASSAY_GPU=none); build it with the preset cuda, hip-amd or hip-nvidia";

}  // namespace

Selected gpu(int place, int ranks) {
  if constexpr (gpu::compiled) return gpu::select_for(place, ranks);
  return {nullptr, not_compiled_in};
}

std::string gpu_identity(int place, int ranks) {
  if constexpr (gpu::compiled) return gpu::identity_for(place, ranks);
  return {};
}

int gpu_count() {
  if constexpr (gpu::compiled) return gpu::look_around().devices;
  return 0;
}

std::map<std::string, std::string> gpu_facts() {
  std::map<std::string, std::string> facts = {{"gpu_build", gpu::build_words}};
  if constexpr (gpu::compiled) gpu::describe_all(facts);
  return facts;
}

}  // namespace assay::device
