#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/frame_tap.hpp"

namespace countersign::sandbox {

// Follows the inbound bytes of one WebSocket on their way to its parser: tells the tap of every frame's head
// (RFC 6455 §5.2), and while the tap is deaf drops messages that begin, whole ones. It validates nothing.
class FrameScanner {
  public:
    explicit FrameScanner(FrameTap& tap) : tap_(tap) {}
    // Appends to `heard` those of the `bytes` that are not dropped.
    void take(std::string_view bytes, std::string& heard);

  private:
    std::size_t head_size() const;
    void on_head();

    FrameTap& tap_;
    std::array<unsigned char, 14> head_{};
    std::size_t head_bytes_ = 0;  // of the current frame's head
    std::uint64_t payload_left_ = 0;
    bool hears_frame_ = true;
    bool hears_message_ = true;
};

}  // namespace countersign::sandbox
