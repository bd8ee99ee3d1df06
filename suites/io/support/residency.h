// Whether a file's pages are in this node's page cache: what is read from there says nothing of the storage.
#pragma once

#include <cstdint>
#include <optional>

namespace assay::bench {

/// A read that finds more of a file than this in the page cache was not served by the storage.
constexpr double most_resident_share = 0.01;

/// The share (0 to 1) of the bytes [offset, offset + bytes) that the page cache holds, by cachestat(2), else
/// by mincore(2); absent: neither tells.
std::optional<double> resident_share(int descriptor, std::uint64_t offset, std::uint64_t bytes);
/// By mincore alone, as on kernels before 6.5.
std::optional<double> resident_share_by_mincore(int descriptor, std::uint64_t offset, std::uint64_t bytes);

/// Writes back what is dirty and asks the kernel to drop the file's clean pages; whether it did is for
/// resident_share to say. Returns an errno value, 0 when nothing failed.
int drop_pages(int descriptor);

}  // namespace assay::bench
