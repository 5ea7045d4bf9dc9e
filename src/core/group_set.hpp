#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace countersign::core {

// Holds some of a case's groups, by their indices in all_groups_of.
class GroupSet {
  public:
    void add(std::size_t index) {
        if (index < word_bits)
            first_ |= std::uint64_t{1} << index;
        else
            add_further(index);
    }
    void remove(std::size_t index);
    bool has(std::size_t index) const {
        return index < word_bits ? ((first_ >> index) & 1U) != 0 : has_further(index);
    }
    bool any_below(std::size_t end) const;

  private:
    static constexpr std::size_t word_bits = 64;
    void add_further(std::size_t index);
    bool has_further(std::size_t index) const;

    std::uint64_t first_ = 0;
    std::vector<bool> further_;
};

// Hashes a text so that most comparisons of different texts end without reading either.
std::uint64_t fingerprint_of(std::string_view text);

}  // namespace countersign::core
