# Shared by the scripts of this folder: source it. Says what is done, stops at the first failure with the next step.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Paths below this folder are relative to ccache, so that all build folders, and all checkouts, share equal objects.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=true

# What each purpose needs, as Debian 12 packages.
packages_build="ccache g++ cmake ninja-build pkg-config nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libsimdjson-dev libssl-dev"
packages_suites="mpich libmpich-dev libdnnl-dev libopenblas0-pthread libhwloc-dev liburing-dev libbenchmark-dev"
packages_test="libgtest-dev libgmock-dev python3 python3-jsonschema"
packages_bench="libbenchmark-dev libopenblas-dev fio"
packages_full="clang-format chromium poppler-utils libopenmpi-dev openmpi-bin"
packages_hip="hipcc libamdhip64-dev"
packages_slurm="slurm-wlm munge"

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Whatever fails without words of its own still names the command and the place.
trap 'status=$?; printf "\n%s: stopped at line %s: %s (exit %s); the lines above say why\n" "$(basename "$0")" "$LINENO" "$BASH_COMMAND" "$status" >&2; exit $status' ERR

# need PACKAGE...: installs those that are missing; asks nothing when all are there.
need() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}; install what provides them on this system, then run this again"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing: ${missing[*]}; as root, run: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "Installing ${missing[*]}"
  "${root[@]}" apt-get update -qq || fail "apt-get update failed; check the network and /etc/apt/sources.list.d, then run this again"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install ${missing[*]}; install them by hand, then run this again"
}

# The compiler of CUDA, and HIP's header for NVIDIA; empty: not here.
find_nvcc() { command -v nvcc || ls "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" 2>/dev/null || true; }
find_hip_header() {
  ls "${ROCM_PATH:-/opt/rocm}/include/hip/nvidia_detail/nvidia_hip_runtime_api.h" /usr/include/hip/nvidia_detail/nvidia_hip_runtime_api.h 2>/dev/null |
    head -1 || true
}

# why_no_gpu_build PLATFORM: cuda, hip-amd or hip-nvidia; says nothing where it can be built.
why_no_gpu_build() {
  case $1 in
    cuda | hip-nvidia) [ -n "$(find_nvcc)" ] || { echo "no nvcc; install the CUDA toolkit"; return; } ;;
    hip-amd) command -v hipcc >/dev/null || { echo "no hipcc; on Debian: apt-get install hipcc libamdhip64-dev"; return; } ;;
  esac
  if [ "$1" = hip-nvidia ] && [ -z "$(find_hip_header)" ]; then echo "no HIP headers; on Debian: apt-get install libamdhip64-dev"; fi
}

# gpu_build_flags PLATFORM: CMake's.
gpu_build_flags() {
  case $1 in
    cuda) echo "-DASSAY_GPU=cuda" ;;
    hip-amd) echo "-DASSAY_GPU=hip -DASSAY_HIP_PLATFORM=amd" ;;
    hip-nvidia) echo "-DASSAY_GPU=hip -DASSAY_HIP_PLATFORM=nvidia" ;;
    none) echo "-DASSAY_GPU=none" ;;
  esac
}

# gpu_build_here [ROOT]: the platform to build for on this machine: by the GPU's driver that is loaded (below ROOT, for tests) and
# the compilers that are there. "none" without either; why a GPU that is here is left out goes to standard error.
gpu_build_here() {
  local root=${1:-} platform why
  local -a loaded=()
  if [ -e "$root/proc/driver/nvidia/version" ] || [ -e "$root/dev/nvidiactl" ]; then loaded+=(cuda); fi
  if [ -e "$root/dev/kfd" ]; then loaded+=(hip-amd); fi
  for platform in "${loaded[@]}"; do
    why=$(why_no_gpu_build "$platform")
    if [ -z "$why" ]; then
      echo "$platform"
      return
    fi
    printf 'A GPU of this machine is left out: %s\n' "$why" >&2
  done
  echo none
}

# configure_and_build FOLDER CMAKE-ARGUMENT...: a build folder of these settings; all its targets, or those in $targets.
configure_and_build() {
  local folder=$1 started=$SECONDS
  shift
  say "Building in $folder"
  # Builds for GPUs share nearly all of their objects with the host's.
  if command -v ccache >/dev/null; then set -- -DCMAKE_CXX_COMPILER_LAUNCHER=ccache "$@"; fi
  cmake -S . -B "$folder" -G Ninja "$@" >"$folder.log" 2>&1 || { cat "$folder.log" >&2; fail "cmake refused the configuration; see above"; }
  cmake --build "$folder" ${targets:+--target $targets} || fail "the build failed; see the first error above"
  printf 'Built in %d s\n' $((SECONDS - started))
}

# run_tests FOLDER CTEST-ARGUMENT...: in CI only a test that needs a GPU may be skipped.
run_tests() {
  local folder=$1
  shift
  say "Testing $folder"
  ctest --test-dir "$folder" --parallel 2 --no-tests=error --output-on-failure "$@" | tee "$folder/ctest.log" ||
    fail "a test failed; repeat it with: ctest --test-dir $folder -R NAME --output-on-failure"
  if [ "${CI:-}" = true ] && grep -E '\(Skipped\)|\*\*\*Skipped' "$folder/ctest.log" | grep -v -i gpu; then
    fail "these tests were skipped, and in CI only tests that need a GPU may be; install what they lack"
  fi
}
