// Functions of libraries that are opened when the program runs.
#pragma once

#include <dlfcn.h>

namespace assay::gpu {

/// Looks up a function unless it is known already (under a newer name).
template <typename Function>
void find_function(void* library, Function& function, const char* name) {
  if (function == nullptr) function = reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace assay::gpu
