#include "sandbox/frame_scanner.hpp"

#include <algorithm>

namespace countersign::sandbox {
namespace {

constexpr std::size_t shortest_head = 2;
constexpr std::uint8_t first_control_opcode = 8;

}  // namespace

// Returns how long the current frame's head is, as far as the bytes so far tell.
std::size_t FrameScanner::head_size() const {
    if (head_bytes_ < shortest_head) return shortest_head;
    unsigned length = head_[1] & 0x7FU;
    std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    std::size_t mask_bytes = (head_[1] & 0x80U) != 0 ? 4 : 0;
    return shortest_head + length_bytes + mask_bytes;
}

void FrameScanner::on_head() {
    FrameHead head;
    head.final = (head_[0] & 0x80U) != 0;
    head.opcode = head_[0] & 0x0FU;
    head.bytes = head_[1] & 0x7FU;
    std::size_t length_bytes = head.bytes == 126 ? 2 : head.bytes == 127 ? 8 : 0;
    if (length_bytes > 0) head.bytes = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) head.bytes = head.bytes << 8 | head_[shortest_head + i];
    payload_left_ = head.bytes;
    if (tap_.on_frame) tap_.on_frame(head);
    bool is_control = head.opcode >= first_control_opcode;
    if (!is_control && head.opcode != 0) hears_message_ = !tap_.deaf;
    hears_frame_ = is_control ? !tap_.deaf : hears_message_;
}

void FrameScanner::take(std::string_view bytes, std::string& heard) {
    while (!bytes.empty()) {
        if (payload_left_ > 0) {
            auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), payload_left_));
            if (hears_frame_) heard += bytes.substr(0, count);
            bytes.remove_prefix(count);
            payload_left_ -= count;
            continue;
        }
        head_[head_bytes_++] = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        if (head_bytes_ < head_size()) continue;
        on_head();
        if (hears_frame_) heard.append(reinterpret_cast<const char*>(head_.data()), head_bytes_);
        head_bytes_ = 0;
    }
}

}  // namespace countersign::sandbox
