#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "countersign/net/byte_stream.hpp"
#include "countersign/rt/later.hpp"

namespace countersign::net {

// Reads from a connection into a buffer, with at most one read under way, which may go on while nobody waits
// for it. So a pooled or long-polling connection learns that its peer has gone.
class BufferedReader {
  public:
    explicit BufferedReader(ByteStream& stream);
    BufferedReader(const BufferedReader&) = delete;
    BufferedReader& operator=(const BufferedReader&) = delete;
    ~BufferedReader();

    std::string_view bytes() const;
    void consume(std::size_t count);
    bool ended() const;        // whether the peer's end, an error or a close was seen
    error_code error() const;  // eof for an orderly end
    bool reading() const;

    // Begins a read of up to `room` bytes unless one is under way or the stream has ended.
    void start(std::size_t room);
    // Waits until more bytes have come; an error once the stream has ended or the read was cancelled (then
    // it may be called again).
    rt::asio::awaitable<error_code> more(std::size_t room);
    // Sets what is called when a read ends while nobody waits for it.
    void on_idle_read(std::function<void()> notify);
    // Frees memory that holds nothing.
    void shrink();

  private:
    struct State;
    // It is shared because a read may complete after the connection is gone, and writes into this buffer.
    std::shared_ptr<State> state_;
};

// Writes every byte of the two pieces, together where possible. `written` is kept up to date.
rt::asio::awaitable<error_code> write_all(ByteStream& stream, std::string_view first,
                                          std::string_view second = {}, std::size_t* written = nullptr);

}  // namespace countersign::net
