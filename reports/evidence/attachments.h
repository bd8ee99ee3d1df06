// Attachments of records, read back: there, unchanged, readable.
#pragma once

#include <filesystem>

#include "reports/evidence/campaign_data.h"

namespace assay {

/// Reads what `record` refers to from `folder`, where files are named by their SHA-256. What is wrong becomes
/// `trouble`, never an exception: one damaged file must not hide all other evidence.
Attached read_attached(const Record& record, const std::filesystem::path& folder);

}  // namespace assay
