#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"

namespace countersign::evidence {

// A file that holds the newest checkpoint that was ever signed. It lies outside the database, so that a
// database that is taken back is noticed. Blocking.
class Mark {
  public:
    explicit Mark(std::string path) : path_(std::move(path)) {}
    const std::string& path() const { return path_; }
    // nullopt: there is no file.
    Result<std::optional<std::string>> read() const;
    // Is on disk when this returns; a crash leaves the old content or the new one.
    Result<Done> write(std::string_view checkpoint) const;

  private:
    std::string path_;
};

}  // namespace countersign::evidence
