#include "support/reference.h"

#include <cmath>

namespace rn::test {

const Array* find(const Values& values, const std::string& name) {
  const auto it = values.find(name);
  return it == values.end() ? nullptr : &it->second;
}

Array before_activation(const Values& values) {
  const Array &x1 = values.at("x1"), *a1 = find(values, "a1"), *b1 = find(values, "b1");
  const Array *x2 = find(values, "x2"), *a2 = find(values, "a2"), *b2 = find(values, "b2");
  Array y(x1.shape);
  const std::int64_t channels = x1.dim(-1);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t c = i % channels;
    y[i] = (a1 ? (*a1)[c] : 1) * x1[i] + (b1 ? (*b1)[c] : 0);
    if (x2) y[i] += (a2 ? (*a2)[c] : 1) * (*x2)[i] + (b2 ? (*b2)[c] : 0);
  }
  return y;
}

Array activate(const Array& x, bool relu) {
  Array y = x;
  if (relu) {
    for (double& value : y.v) value = value > 0 ? value : 0;
  }
  return y;
}

Array mask(const Array& d, const Array& x, bool relu) {
  Array y = d;
  if (relu) {
    for (std::int64_t i = 0; i < y.size(); ++i) y[i] = x[i] > 0 ? d[i] : 0;
  }
  return y;
}

Array gradient_value(const Values& values) {
  const Array &g = values.at("g"), *p = find(values, "p"), *q = find(values, "q");
  const Array *r = find(values, "r"), *add = find(values, "add");
  Array y(g.shape);
  const std::int64_t channels = g.dim(-1);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t c = i % channels;
    y[i] = (p ? (*p)[c] : 1) * g[i] + (r ? (*r)[c] : 0);
    if (q) y[i] += (*q)[c] * values.at("c")[i];
    if (add) y[i] += (*add)[i];
  }
  return y;
}

ReferenceMoments moments(const Array& y) {
  const std::int64_t channels = y.dim(-1), rows = y.size() / channels;
  ReferenceMoments m{Array({channels}), Array({channels})};
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t i = 0; i < rows; ++i) {
      m.mean[c] += y[i * channels + c] / static_cast<double>(rows);
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      const double delta = y[i * channels + c] - m.mean[c];
      m.m2[c] += delta * delta;
    }
  }
  return m;
}

Array reduction(const Array& d, const Array* against, const Array* center) {
  const std::int64_t channels = d.dim(-1);
  Array sums({2, channels});
  for (std::int64_t i = 0; i < d.size(); ++i) {
    const std::int64_t c = i % channels;
    sums[c] += d[i];
    if (against) sums[channels + c] += d[i] * ((*against)[i] - (center ? (*center)[c] : 0));
  }
  return sums;
}

namespace {

std::int64_t out_size(std::int64_t in, int kernel, int stride, int pad, int extra) {
  return (in + 2 * pad + extra - kernel) / stride + 1;
}

// Calls f(n, p, q, ky, kx, y, x) for each kernel cell of each output pixel that lies in the image.
template <class F>
void sweep(const Shape& x, const Window2d& w, F&& f) {
  const std::int64_t height = out_size(x[1], w.kernel_h, w.stride_h, w.pad_h, w.extra_h);
  const std::int64_t width = out_size(x[2], w.kernel_w, w.stride_w, w.pad_w, w.extra_w);
  for (std::int64_t n = 0; n < x[0]; ++n) {
    for (std::int64_t p = 0; p < height; ++p) {
      for (std::int64_t q = 0; q < width; ++q) {
        for (int ky = 0; ky < w.kernel_h; ++ky) {
          for (int kx = 0; kx < w.kernel_w; ++kx) {
            const std::int64_t y_at = p * w.stride_h - w.pad_h + ky;
            const std::int64_t x_at = q * w.stride_w - w.pad_w + kx;
            if (y_at < 0 || y_at >= x[1] || x_at < 0 || x_at >= x[2]) continue;
            f(n, p, q, ky, kx, y_at, x_at);
          }
        }
      }
    }
  }
}

Array output_array(const Shape& x, const Window2d& w, std::int64_t channels) {
  return Array({x[0], out_size(x[1], w.kernel_h, w.stride_h, w.pad_h, w.extra_h),
                out_size(x[2], w.kernel_w, w.stride_w, w.pad_w, w.extra_w), channels});
}

}  // namespace

Array conv(const Array& x, const Array& weights, const Window2d& window) {
  Array y = output_array(x.shape, window, weights.dim(0));
  sweep(x.shape, window, [&](auto n, auto p, auto q, int ky, int kx, auto y_at, auto x_at) {
    for (std::int64_t o = 0; o < weights.dim(0); ++o) {
      for (std::int64_t i = 0; i < weights.dim(3); ++i) {
        y.at(n, p, q, o) += weights.at(o, ky, kx, i) * x.at(n, y_at, x_at, i);
      }
    }
  });
  return y;
}

Array conv_d_input(const Array& d_y, const Array& weights, const Shape& x, const Window2d& window) {
  Array d_x(x);
  sweep(x, window, [&](auto n, auto p, auto q, int ky, int kx, auto y_at, auto x_at) {
    for (std::int64_t o = 0; o < weights.dim(0); ++o) {
      for (std::int64_t i = 0; i < weights.dim(3); ++i) {
        d_x.at(n, y_at, x_at, i) += weights.at(o, ky, kx, i) * d_y.at(n, p, q, o);
      }
    }
  });
  return d_x;
}

Array conv_d_weights(const Array& d_y, const Array& x, const Shape& weights,
                     const Window2d& window) {
  Array d_w(weights);
  sweep(x.shape, window, [&](auto n, auto p, auto q, int ky, int kx, auto y_at, auto x_at) {
    for (std::int64_t o = 0; o < weights[0]; ++o) {
      for (std::int64_t i = 0; i < weights[3]; ++i) {
        d_w.at(o, ky, kx, i) += d_y.at(n, p, q, o) * x.at(n, y_at, x_at, i);
      }
    }
  });
  return d_w;
}

Array pool(const Array& x, const Window2d& window, bool max) {
  Array y = output_array(x.shape, window, x.dim(3));
  Array cells(y.shape);
  sweep(x.shape, window, [&](auto n, auto p, auto q, int, int, auto y_at, auto x_at) {
    for (std::int64_t c = 0; c < x.dim(3); ++c) {
      const double value = x.at(n, y_at, x_at, c);
      double &out = y.at(n, p, q, c), &count = cells.at(n, p, q, c);
      out = max ? (count == 0 || value > out ? value : out) : out + value;
      count += 1;
    }
  });
  if (!max) {
    for (std::int64_t i = 0; i < y.size(); ++i) y[i] /= cells[i];
  }
  return y;
}

Array pool_d_input(const Array& d_y, const Array& x, const Window2d& window, bool max) {
  const Array y = pool(x, window, max);
  Array d_x(x.shape), cells(y.shape), taken(y.shape);
  const auto each = [&](auto&& f) { sweep(x.shape, window, f); };
  each([&](auto n, auto p, auto q, int, int, auto, auto) {
    for (std::int64_t c = 0; c < x.dim(3); ++c) cells.at(n, p, q, c) += 1;
  });
  each([&](auto n, auto p, auto q, int, int, auto y_at, auto x_at) {
    for (std::int64_t c = 0; c < x.dim(3); ++c) {
      if (!max) {
        d_x.at(n, y_at, x_at, c) += d_y.at(n, p, q, c) / cells.at(n, p, q, c);
      } else if (x.at(n, y_at, x_at, c) == y.at(n, p, q, c) && taken.at(n, p, q, c) == 0) {
        d_x.at(n, y_at, x_at, c) += d_y.at(n, p, q, c);
        taken.at(n, p, q, c) = 1;
      }
    }
  });
  return d_x;
}

Array global_average(const Array& x) {
  Array y({x.dim(0), x.dim(3)});
  for (std::int64_t n = 0; n < x.dim(0); ++n) {
    for (std::int64_t i = 0; i < x.dim(1) * x.dim(2); ++i) {
      for (std::int64_t c = 0; c < x.dim(3); ++c) {
        y[n * x.dim(3) + c] += x[(n * x.dim(1) * x.dim(2) + i) * x.dim(3) + c] /
                               static_cast<double>(x.dim(1) * x.dim(2));
      }
    }
  }
  return y;
}

Array global_average_d_input(const Array& d_y, const Shape& x) {
  Array d_x(x);
  for (std::int64_t i = 0; i < d_x.size(); ++i) {
    const std::int64_t n = i / (x[1] * x[2] * x[3]), c = i % x[3];
    d_x[i] = d_y[n * x[3] + c] / static_cast<double>(x[1] * x[2]);
  }
  return d_x;
}

Array pad_shortcut(const Array& x, int stride, bool average, int front, std::int64_t channels) {
  Array y({x.dim(0), (x.dim(1) + stride - 1) / stride, (x.dim(2) + stride - 1) / stride, channels});
  for (std::int64_t n = 0; n < y.dim(0); ++n) {
    for (std::int64_t p = 0; p < y.dim(1); ++p) {
      for (std::int64_t q = 0; q < y.dim(2); ++q) {
        for (std::int64_t c = 0; c < x.dim(3); ++c) {
          double& out = y.at(n, p, q, front + c);
          if (!average) {
            out = x.at(n, p * stride, q * stride, c);
            continue;
          }
          for (int i = 0; i < stride; ++i) {
            for (int j = 0; j < stride; ++j) {
              out += x.at(n, p * stride + i, q * stride + j, c) / (stride * stride);
            }
          }
        }
      }
    }
  }
  return y;
}

Array pad_shortcut_d_input(const Array& d_y, const Shape& x, int stride, bool average, int front) {
  Array d_x(x);
  for (std::int64_t n = 0; n < x[0]; ++n) {
    for (std::int64_t y = 0; y < x[1]; ++y) {
      for (std::int64_t z = 0; z < x[2]; ++z) {
        for (std::int64_t c = 0; c < x[3]; ++c) {
          const double g = d_y.at(n, y / stride, z / stride, front + c);
          if (average) d_x.at(n, y, z, c) = g / (stride * stride);
          if (!average && y % stride == 0 && z % stride == 0) d_x.at(n, y, z, c) = g;
        }
      }
    }
  }
  return d_x;
}

Array linear(const Array& x, const Array& weights, const Array* bias) {
  const std::int64_t f = x.dim(1), k = weights.dim(0);
  Array y({x.dim(0), k});
  for (std::int64_t n = 0; n < x.dim(0); ++n) {
    for (std::int64_t j = 0; j < k; ++j) {
      double sum = bias ? (*bias)[j] : 0;
      for (std::int64_t i = 0; i < f; ++i) sum += x[n * f + i] * weights[j * f + i];
      y[n * k + j] = sum;
    }
  }
  return y;
}

void linear_backward(const Array& d_y, const Array& x, const Array& weights, Array& d_x,
                     Array& d_weights, Array& d_bias) {
  const std::int64_t f = x.dim(1), k = weights.dim(0);
  d_x = Array(x.shape);
  d_weights = Array(weights.shape);
  d_bias = Array({k});
  for (std::int64_t n = 0; n < x.dim(0); ++n) {
    for (std::int64_t j = 0; j < k; ++j) {
      const double g = d_y[n * k + j];
      d_bias[j] += g;
      for (std::int64_t i = 0; i < f; ++i) {
        d_x[n * f + i] += g * weights[j * f + i];
        d_weights[j * f + i] += g * x[n * f + i];
      }
    }
  }
}

void cross_entropy(const Array& logits, const Array& labels, double smoothing, double scale,
                   Array& losses, Array& d_logits) {
  const std::int64_t count = logits.dim(0), k = logits.dim(1);
  losses = Array({count});
  d_logits = Array(logits.shape);
  for (std::int64_t n = 0; n < count; ++n) {
    double top = logits[n * k], total = 0;
    for (std::int64_t j = 0; j < k; ++j) top = std::max(top, logits[n * k + j]);
    for (std::int64_t j = 0; j < k; ++j) total += std::exp(logits[n * k + j] - top);
    for (std::int64_t j = 0; j < k; ++j) {
      const double log_p = logits[n * k + j] - top - std::log(total);
      const double hit = static_cast<double>(j) == labels[n] ? 1 : 0;
      const double target = (1 - smoothing) * hit + smoothing / static_cast<double>(k);
      losses[n] -= target * log_p;
      d_logits[n * k + j] = scale * (std::exp(log_p) - target);
    }
  }
}

}  // namespace rn::test
