// What the worker calls of libsrtp 3, declared over libsrtp 2: overloads of the functions whose parameters changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <srtp2/srtp.h>

// libsrtp 3 makes the policy an opaque handle; libsrtp 2's structure of that name stays inside srtp3.cpp.
struct srtp3_policy;
using srtp3_policy_t = srtp3_policy*;

srtp_err_status_t srtp_policy_create(srtp3_policy_t* policy);
void srtp_policy_destroy(srtp3_policy_t policy);
srtp_err_status_t srtp_policy_set_ssrc(srtp3_policy_t policy, srtp_ssrc_t ssrc);
srtp_err_status_t srtp_policy_set_profile(srtp3_policy_t policy, srtp_profile_t profile);
srtp_err_status_t srtp_policy_add_key(
  srtp3_policy_t policy,
  const std::uint8_t* key,
  std::size_t key_length,
  const std::uint8_t* salt,
  std::size_t salt_length,
  const std::uint8_t* mki,
  std::size_t mki_length);
srtp_err_status_t srtp_policy_set_allow_repeat_tx(srtp3_policy_t policy, bool allow);
srtp_err_status_t srtp_policy_set_window_size(srtp3_policy_t policy, std::size_t size);

srtp_err_status_t srtp_create(srtp_t* session, srtp3_policy_t policy);
inline srtp_err_status_t srtp_stream_remove(srtp_t session, std::uint32_t ssrc) {
  return srtp_remove_stream(session, ssrc);
}

// Each reads `in`, writes `out` (they may be the same) and sets `*out_length`, which says on entry how much fits there.
srtp_err_status_t srtp_protect(
  srtp_t session, const std::uint8_t* in, std::size_t in_length, std::uint8_t* out, std::size_t* out_length,
  std::size_t mki_index);
srtp_err_status_t srtp_unprotect(
  srtp_t session, const std::uint8_t* in, std::size_t in_length, std::uint8_t* out, std::size_t* out_length);
srtp_err_status_t srtp_protect_rtcp(
  srtp_t session, const std::uint8_t* in, std::size_t in_length, std::uint8_t* out, std::size_t* out_length,
  std::size_t mki_index);
srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t session, const std::uint8_t* in, std::size_t in_length, std::uint8_t* out, std::size_t* out_length);

// The two status codes that libsrtp 3 added.
inline constexpr auto srtp_err_status_buffer_small = static_cast<srtp_err_status_t>(28);
inline constexpr auto srtp_err_status_cryptex_err  = static_cast<srtp_err_status_t>(29);

#ifndef RINGCAST_SRTP3_IMPLEMENTATION
#define srtp_policy_t srtp3_policy_t
#endif
