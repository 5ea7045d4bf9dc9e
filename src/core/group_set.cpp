#include "core/group_set.hpp"

#include <algorithm>
#include <cstring>

namespace countersign::core {

bool GroupSet::any_below(std::size_t end) const {
    if (end < word_bits) return (first_ & ((std::uint64_t{1} << end) - 1)) != 0;
    if (first_ != 0) return true;
    const auto last =
        further_.begin() + static_cast<std::ptrdiff_t>(std::min(end - word_bits, further_.size()));
    return std::find(further_.begin(), last, true) != last;
}

void GroupSet::add_further(std::size_t index) {
    if (further_.size() <= index - word_bits) further_.resize(index - word_bits + 1, false);
    further_[index - word_bits] = true;
}

void GroupSet::remove(std::size_t index) {
    if (index < word_bits)
        first_ &= ~(std::uint64_t{1} << index);
    else if (has_further(index))
        further_[index - word_bits] = false;
}

bool GroupSet::has_further(std::size_t index) const {
    return index - word_bits < further_.size() && further_[index - word_bits];
}

std::uint64_t fingerprint_of(std::string_view text) {
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    const std::size_t bytes = std::min(text.size(), sizeof head);
    if (bytes == 0) return 0;
    std::memcpy(&head, text.data(), bytes);
    std::memcpy(&tail, text.data() + text.size() - bytes, bytes);
    return (head * 0x9E3779B97F4A7C15U) ^ (tail + text.size());
}

}  // namespace countersign::core
