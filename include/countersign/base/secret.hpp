#pragma once
#include <string>
#include <string_view>
#include <utility>

namespace countersign {

// A value that must never reach a log, an error or a metric. It has no operator<<, no fmt formatter, no
// conversion to text: a line that prints one does not compile. `reveal` is for the place that sends it.
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;
    Secret(Secret&&) noexcept = default;
    Secret& operator=(Secret&&) noexcept = default;
    ~Secret();  // overwrites the bytes

    bool empty() const { return bytes_.empty(); }
    std::string_view reveal() const { return bytes_; }
    // The comparison takes the same time wherever the two differ.
    friend bool operator==(const Secret& a, const Secret& b);

  private:
    std::string bytes_;
};

}  // namespace countersign
