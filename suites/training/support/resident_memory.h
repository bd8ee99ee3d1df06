// How much memory this process has in use, as Linux counts it (proc(5): VmRSS, VmHWM). Bytes; 0: not known.
#pragma once

namespace assay::training {

double resident_bytes();
/// The most since the process began, or since forget_peak_resident().
double peak_resident_bytes();
/// From now on the peak is counted anew. Without effect where the system refuses.
void forget_peak_resident();

}  // namespace assay::training
