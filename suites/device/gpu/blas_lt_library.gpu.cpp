// Opens the vendor's library of products, when it is first asked for.
#include "suites/device/gpu/blas_lt.h"

#include <dlfcn.h>

#include <string>

#include "suites/device/gpu/blas.h"

namespace assay::gpu {

#if ASSAY_HAS_LT

namespace lt {

namespace {

template <typename Function>
void find(Functions& functions, Function& function, const char* name) {
  function = reinterpret_cast<Function>(dlsym(functions.library, name));
  if (function == nullptr && functions.failure.empty())
    functions.failure = std::string(library_name) + " has no " + name;
}

Functions open_library() {
  Functions f;
  for (const char* folder : folders)
    for (const char* name : file_names)
      if (f.library == nullptr)
        f.library = dlopen((std::string(folder) + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (f.library == nullptr) {
    f.failure = std::string(library_name) + " (" + file_names[0] + ") cannot be opened; " + library_advice;
    return f;
  }
#define ASSAY_FIND(member, name) find(f, f.member, ASSAY_LT_STRING(name))
#if defined(ASSAY_GPU_CUDA)
#define ASSAY_LT_STRING(name) "cublasLt" #name
  ASSAY_FIND(configuration, MatmulAlgoConfigGetAttribute);
  ASSAY_FIND(words, GetStatusString);
#else
#define ASSAY_LT_STRING(name) "hipblasLt" #name
#endif
  ASSAY_FIND(create, Create);
  ASSAY_FIND(create_operation, MatmulDescCreate);
  ASSAY_FIND(destroy_operation, MatmulDescDestroy);
  ASSAY_FIND(set_operation, MatmulDescSetAttribute);
  ASSAY_FIND(create_layout, MatrixLayoutCreate);
  ASSAY_FIND(destroy_layout, MatrixLayoutDestroy);
  ASSAY_FIND(create_preference, MatmulPreferenceCreate);
  ASSAY_FIND(destroy_preference, MatmulPreferenceDestroy);
  ASSAY_FIND(set_preference, MatmulPreferenceSetAttribute);
  ASSAY_FIND(heuristic, MatmulAlgoGetHeuristic);
  ASSAY_FIND(multiply, Matmul);
  ASSAY_FIND(version, GetVersion);
  return f;
}

std::string words_of_blas(BlasStatus status) {
#if defined(ASSAY_GPU_CUDA)
  return functions().words(status);
#else
  return "status " + std::to_string(static_cast<int>(status));
#endif
}

Handle make_handle() {
  Handle fresh = nullptr;
  require(functions().create(&fresh), "to begin");
  return fresh;
}

}  // namespace

const Functions& functions() {
  static const Functions opened = open_library();
  return opened;
}

void require(BlasStatus status, const char* call) {
  if (status != ASSAY_BLAS_CONSTANT(STATUS_SUCCESS))
    throw GpuError(std::string(library_name) + " refused " + call + ": " + words_of_blas(status) +
                   "; try other sizes or another dtype");
}

Handle handle() {
  static const Handle made = make_handle();
  return made;
}

}  // namespace lt

namespace {

#if defined(ASSAY_GPU_CUDA)
std::string version_text(std::size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}
#endif

BlasLibrary look_at_library() {
  BlasLibrary found;
  found.name = lt::library_name;
  found.missing = lt::functions().failure;
  if (!found.missing.empty()) return found;
#if defined(ASSAY_GPU_CUDA)
  found.version = version_text(lt::functions().version());
#else
  int version = 0;
  if (look_around().devices > 0 && lt::functions().version(lt::handle(), &version) == HIPBLAS_STATUS_SUCCESS)
    found.version = std::to_string(version / 100000) + "." + std::to_string(version / 100 % 1000) + "." +
                    std::to_string(version % 100);
#endif
  return found;
}

}  // namespace

const BlasLibrary& blas_library() {
  static const BlasLibrary found = look_at_library();
  return found;
}

bool blas_takes_b_transposed(device::Element element) {
  using device::Element;
  return element == Element::int8 || element == Element::fp8_e4m3 || element == Element::fp8_e5m2;
}

#else

const BlasLibrary& blas_library() {
  static const BlasLibrary none{"", "", "this build has no binding of a vendor's library of products"};
  return none;
}

bool blas_takes_b_transposed(device::Element) {
  return false;
}

#endif

}  // namespace assay::gpu
