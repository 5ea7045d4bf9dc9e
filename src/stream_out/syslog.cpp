#include <chrono>
#include <utility>

#include "countersign/net/one_way.hpp"
#include "countersign/wire/syslog.hpp"
#include "stream_out/sink.hpp"

namespace countersign::stream_out {
namespace {

// A peer that ends takes this long at most to be noticed on a connection that works; syslog itself confirms
// nothing.
constexpr core::Duration syslog_doubt{std::chrono::seconds{2}};

class Syslog final : public Sink {
  public:
    Syslog(const Target& target, const Source& source, net::Dialer& dialer)
        : url_("https://" + target.syslog),
          host_(source.host),
          message_bytes_max_(target.message_bytes_max),
          dialer_(dialer) {}

    Later<Done> ready(Deadline deadline) override {
        if (connection_.open()) co_return Done{};
        auto url = net::parse_url(url_);  // of which host and port count, and that it is TLS
        if (!url) co_return pass(url);
        co_return co_await connection_.connect(dialer_, std::move(*url), deadline);
    }
    Later<Done> send(const std::vector<Line>& lines, Deadline deadline) override {
        std::string bytes;
        for (const auto& line : lines) bytes += frame(line);
        sent_ = true;
        co_return co_await connection_.send(std::move(bytes), deadline);
    }
    bool broken() const override { return sent_ && !connection_.open(); }
    core::Duration doubt() const override { return syslog_doubt; }
    void close() override {
        connection_.close();
        sent_ = false;
    }

  private:
    std::string frame(const Line& line) const {
        auto whole = wire::syslog_frame({line.at, host_, line.type, line.index, line.text});
        if (whole.size() <= message_bytes_max_) return whole;
        return wire::syslog_frame({line.at, host_, line.type, line.index, line.brief()});
    }

    std::string url_;
    std::string host_;
    std::size_t message_bytes_max_;
    net::Dialer& dialer_;
    net::OneWay connection_;
    bool sent_ = false;
};

}  // namespace

std::unique_ptr<Sink> make_syslog(const Target& target, const Source& source, net::Dialer& dialer) {
    return std::make_unique<Syslog>(target, source, dialer);
}

}  // namespace countersign::stream_out
