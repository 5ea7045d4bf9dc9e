#pragma once
#include <string>
#include <vector>

namespace countersign::cli {

struct ZipFile {
    std::string name;  // without a folder
    std::string bytes;
};
// An archive of these files, stored as they are (PKWARE APPNOTE 6.3, method 0). The same files give the same
// bytes.
std::string zip_of(const std::vector<ZipFile>& files);

}  // namespace countersign::cli
