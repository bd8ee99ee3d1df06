#include "suites/device/mpi_reach.h"

#include <dlfcn.h>

#include <vector>

#include "suites/device/device.h"

namespace assay::device {

namespace {

using Answer = int (*)();
using AnswerFor = int (*)(int kind, int* supported);

}  // namespace

MpiReach mpi_reach(const std::string& architecture, const std::function<void*(const char*)>& find) {
  // Open MPI's documentation has the first of each, MPICH's mpi.h all but MPIX_Query_rocm_support, and the
  // numbers of the kinds (MPIX_GPU_SUPPORT_CUDA, MPIX_GPU_SUPPORT_HIP).
  const bool amd = architecture.rfind("gfx", 0) == 0;
  const std::vector<const char*> queries =
      amd ? std::vector<const char*>{"MPIX_Query_rocm_support", "MPIX_Query_hip_support"}
          : std::vector<const char*>{"MPIX_Query_cuda_support"};
  const auto told = [](bool yes, const char* name) {
    return MpiReach{yes, std::string(name) + (yes ? " says yes" : " says no")};
  };
  for (const char* name : queries)
    if (void* const query = find(name)) return told(reinterpret_cast<Answer>(query)() == 1, name);
  if (void* const query = find("MPIX_GPU_query_support")) {
    int supported = 0;
    const int status = reinterpret_cast<AnswerFor>(query)(amd ? 2 : 0, &supported);
    return told(status == 0 && supported == 1, "MPIX_GPU_query_support");
  }
  return {false, "the MPI library does not tell whether it reads a GPU's memory"};
}

MpiReach mpi_reach(const Device& device) {
  const auto facts = device.facts();
  const auto architecture = facts.find("gpu_architecture");
  if (architecture == facts.end()) return {false, "the device has no memory of its own"};
  return mpi_reach(architecture->second, [](const char* name) { return dlsym(RTLD_DEFAULT, name); });
}

}  // namespace assay::device
