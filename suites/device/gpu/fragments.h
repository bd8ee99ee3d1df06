// Products of 16 x 16 tiles of bf16 by one warp on its matrix units, summed in f32: the same words for every
// vendor. A tile is spread over the warp; which numbers a lane holds is the vendor's affair:
//
//   lanes, held                the warp's width; numbers of a tile that a lane holds
//   a_row, a_depth, ...        where number i of a lane stands in A (16 rows, 16 deep), B, and the sums
//   sum_rows, sum_slot(i)      a lane holds sums of so many rows; the number of i's row among them
//   row_lanes                  lanes whose numbers differ below row_lanes hold the same rows
//   scratch                    bf16 numbers of shared memory that a warp needs for narrow()
//   A load_a(from, stride)     16 rows of shared memory, `stride` numbers apart; on 16 bytes each
//   B load_b_rows              rows of memory are rows of B (depth)
//   B load_b_columns           rows of memory are columns of B
//   multiply(sum, a, b)        sum += A B
//   A narrow(sum, scratch)     the sums, rounded, as the left operand of another product
//   put(sum, by, to, stride)   the sums times by[slot], rounded, to shared memory, which stands on 16 bytes
//   exp2(x)                    the units' own, some 2 ulp; 0 where the result would be denormal
//   begin_copy(to, from, there)  a whole T of 4 or 16 bytes, or zeros, to shared memory; it is there after
//   wait_for_copies()            this, for the thread that began it
//   stages                     tiles in shared memory, of each kind, where copies go on during the products
//   (2)
#pragma once

#include "suites/device/gpu/kernel_numbers.h"

#if defined(ASSAY_GPU_EMULATED)
#include "suites/device/gpu/fragments_emulated.h"
#endif
#if defined(ASSAY_GPU_CUDA) || defined(__HIP_PLATFORM_NVIDIA__) || defined(ASSAY_GPU_EMULATED)
#include "suites/device/gpu/fragments_nvidia.h"
#endif
#if defined(__HIP_PLATFORM_AMD__) || defined(ASSAY_GPU_EMULATED)
#include "suites/device/gpu/fragments_amd.h"
#endif

namespace assay::gpu {

#if defined(ASSAY_GPU_CUDA) || defined(__HIP_PLATFORM_NVIDIA__)
using Fragments = NvidiaFragments;
#elif defined(__HIP_PLATFORM_AMD__)
using Fragments = AmdFragments;
#endif

}  // namespace assay::gpu
