#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace countersign::net {

// Keeps header fields in order; look-up ignores case (RFC 9110 §5.1).
class Fields {
  public:
    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
    std::optional<std::string_view> find(std::string_view name) const;  // returns the first one
    std::size_t count(std::string_view name) const;
    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }

  private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
    std::string method;
    std::string target;  // origin-form, byte-exact; a server sees only what starts with "/"
    Fields fields;       // a client adds neither Host nor Content-Length nor Connection: the library does
    std::string body;
    std::string peer;  // server side: the peer's address
};

struct HttpResponse {
    unsigned status = 200;
    Fields fields;
    std::string body;
};

}  // namespace countersign::net
