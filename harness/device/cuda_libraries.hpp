// harness/device/cuda_libraries.hpp
//
// What the CUDA implementations share: handles on Kokkos' stream, and statuses turned into exceptions. Included by
// *_cuda.cpp alone.
#pragma once

#include <cublas_v2.h>
#include <cudnn.h>

#include <new>

#include "harness/device/tensor.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::cuda {

inline void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw std::bad_alloc();
  if (status != CUBLAS_STATUS_SUCCESS) throw Error(cat("cuBLAS cannot ", what, ": ", cublasGetStatusString(status)));
}

inline void check(cudnnStatus_t status, const char* what) {
  if (status != CUDNN_STATUS_SUCCESS) throw Error(cat("cuDNN cannot ", what, ": ", cudnnGetErrorString(status)));
}

/// One handle per process, on the stream of Kokkos' default execution space, so library calls and kernels keep their
/// order. Never destroyed: the driver may be gone when static objects are.
inline cublasHandle_t cublas() {
  static const cublasHandle_t handle = [] {
    cublasHandle_t h = nullptr;
    check(cublasCreate(&h), "start");
    check(cublasSetStream(h, ExecutionSpace().cuda_stream()), "take Kokkos' stream");
    return h;
  }();
  return handle;
}

inline cudnnHandle_t cudnn() {
  static const cudnnHandle_t handle = [] {
    cudnnHandle_t h = nullptr;
    check(cudnnCreate(&h), "start");
    check(cudnnSetStream(h, ExecutionSpace().cuda_stream()), "take Kokkos' stream");
    return h;
  }();
  return handle;
}

}  // namespace velo::cuda
