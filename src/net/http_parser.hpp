#pragma once
#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/net/http.hpp"
#include "net/http_text.hpp"

// HTTP/1.1 messages (RFC 9112) are parsed by Beast into our own values. On top of Beast this refuses what two
// readers could understand in two ways.
namespace countersign::net {

template <class T>
using Parsed = std::expected<T, Refusal>;

// Returns where the head that starts `bytes` ends (after its blank line); `seen` bytes were searched before.
std::optional<std::size_t> find_head_end(std::string_view bytes, std::size_t seen);
// Says whether a line ends with LF alone, from `seen` on: then the blank line after the head will never come.
bool has_bare_line_feed(std::string_view bytes, std::size_t seen);

// Parses one message: first its whole head, then its body as it arrives. A message that was refused is not
// continued.
template <bool is_request>
class MessageParser : private boost::beast::http::basic_parser<is_request> {
    using Base = boost::beast::http::basic_parser<is_request>;

  public:
    MessageParser(std::size_t header_bytes_max, std::size_t body_bytes_max);

    // Takes the `head`, from the first line to the blank line. With `no_body` no body follows, whatever the
    // fields say (the answer to HEAD). Refuses with 413 where the body is announced as too large.
    std::optional<Refusal> take_head(std::string_view head, bool no_body = false);
    // Takes what of `bytes` belongs to the body; returns how much. The rest of a message that is not yet
    // `whole` is to be given again, with more behind it.
    Parsed<std::size_t> take_body(std::string_view bytes);
    // Takes note that the connection has ended; false where the message should have gone on.
    bool take_end();
    bool whole() const { return Base::is_done(); }
    // Says whether another message may follow on the connection.
    bool keeps_alive() const { return keeps_alive_; }
    bool version_1_0() const { return version_ == 10; }
    bool expects_continue() const { return expects_continue_; }

    std::string& method() { return method_; }
    std::string& target() { return target_; }
    unsigned status() const { return status_; }
    Fields& fields() { return fields_; }
    std::string& body() { return body_; }  // without trailers, which are dropped

  private:
    using string_view = boost::beast::string_view;
    using error_code = boost::beast::error_code;

    void on_request_impl(boost::beast::http::verb verb, string_view method, string_view target, int version,
                         error_code& ec) override;
    void on_response_impl(int status, string_view reason, int version, error_code& ec) override;
    void on_field_impl(boost::beast::http::field field, string_view name, string_view value,
                       error_code& ec) override;
    void on_header_impl(error_code& ec) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& ec) override;
    std::size_t on_body_impl(string_view bytes, error_code& ec) override;
    void on_chunk_header_impl(std::uint64_t size, string_view extensions, error_code& ec) override;
    std::size_t on_chunk_body_impl(std::uint64_t left, string_view bytes, error_code& ec) override;
    void on_finish_impl(error_code& ec) override;

    void refuse(error_code& ec, unsigned status, std::string_view code, std::string detail);
    void check_framing(bool is_length, std::string_view value, error_code& ec);
    void check_host(error_code& ec);
    void check_target(error_code& ec);
    void check_expectation(error_code& ec);
    Refusal explain(const error_code& ec, std::string_view head, std::size_t good) const;
    std::optional<Refusal> check_unfinished(std::string_view bytes) const;
    Refusal body_too_large() const;

    std::size_t header_bytes_max_;
    std::size_t body_bytes_max_;
    std::string method_, target_;
    Fields fields_;
    std::string body_;
    std::optional<Refusal> refusal_;  // our own reason, not Beast's
    std::size_t field_count_ = 0;
    std::size_t framing_fields_ = 0;  // counts Content-Length and Transfer-Encoding
    int version_ = 11;
    unsigned status_ = 0;
    bool head_done_ = false;
    bool keeps_alive_ = false;
    bool expects_continue_ = false;
    bool in_last_chunk_ = false;  // of which not everything has come
};

extern template class MessageParser<true>;
extern template class MessageParser<false>;
using RequestParser = MessageParser<true>;
using ResponseParser = MessageParser<false>;

}  // namespace countersign::net
