// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cuda_fp16.h>
#include <stdint.h>
#define BM 64
#define BN 64
#define BK 32
#define ST 3
#define PAD 8
__device__ __forceinline__ void cpa(uint32_t d,const void*s){asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"::"r"(d),"l"(s));}
// C[M,N] f32 = A[M,K] f16 row * B[K,N] f16 row
extern "C" __global__ void __launch_bounds__(128) hgemm(const half*A,const half*B,float*C,int M,int N,int K){
  __shared__ __align__(128) half As[ST][BM][BK+PAD]; __shared__ __align__(128) half Bs[ST][BK][BN+PAD];
  int tid=threadIdx.x,lane=tid&31,w=tid>>5,wm=(w&1)*32,wn=(w>>1)*32; int bm=blockIdx.y*BM,bn=blockIdx.x*BN;
  float acc[2][4][4]={};
  auto load=[&](int st,int k0){
    #pragma unroll
    for(int i=0;i<2;i++){int c=tid+i*128;int r=c/4,q=(c%4)*8; cpa((uint32_t)__cvta_generic_to_shared(&As[st][r][q]),&A[(size_t)(bm+r)*K+k0+q]);}
    #pragma unroll
    for(int i=0;i<2;i++){int c=tid+i*128;int r=c/8,q=(c%8)*8; cpa((uint32_t)__cvta_generic_to_shared(&Bs[st][r][q]),&B[(size_t)(k0+r)*N+bn+q]);}
    asm volatile("cp.async.commit_group;"); };
  int nk=K/BK; for(int s=0;s<ST-1;s++) if(s<nk) load(s,s*BK); else asm volatile("cp.async.commit_group;");
  for(int k=0;k<nk;k++){
    asm volatile("cp.async.wait_group %0;"::"n"(ST-2)); __syncthreads();
    int nx=k+ST-1; if(nx<nk) load(nx%ST,nx*BK); else asm volatile("cp.async.commit_group;");
    int st=k%ST;
    #pragma unroll
    for(int kk=0;kk<BK;kk+=16){ uint32_t a[2][4],b[4][2];
      #pragma unroll
      for(int i=0;i<2;i++){ uint32_t ad=(uint32_t)__cvta_generic_to_shared(&As[st][wm+i*16+(lane&15)][kk+(lane>>4)*8]);
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];":"=r"(a[i][0]),"=r"(a[i][1]),"=r"(a[i][2]),"=r"(a[i][3]):"r"(ad));}
      #pragma unroll
      for(int j=0;j<2;j++){ uint32_t ad=(uint32_t)__cvta_generic_to_shared(&Bs[st][kk+(lane&15)][wn+j*16+(lane>>4)*8]);
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];":"=r"(b[2*j][0]),"=r"(b[2*j][1]),"=r"(b[2*j+1][0]),"=r"(b[2*j+1][1]):"r"(ad));}
      #pragma unroll
      for(int i=0;i<2;i++)
      #pragma unroll
      for(int j=0;j<4;j++) asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};":"+f"(acc[i][j][0]),"+f"(acc[i][j][1]),"+f"(acc[i][j][2]),"+f"(acc[i][j][3]):"r"(a[i][0]),"r"(a[i][1]),"r"(a[i][2]),"r"(a[i][3]),"r"(b[j][0]),"r"(b[j][1]));
    } }
  int g=lane>>2,t=lane&3;
  for(int i=0;i<2;i++)for(int j=0;j<4;j++){ float*c=&C[(size_t)(bm+wm+i*16+g)*N+bn+wn+j*8+t*2]; *(float2*)c=make_float2(acc[i][j][0],acc[i][j][1]); *(float2*)(c+8*N)=make_float2(acc[i][j][2],acc[i][j][3]); }
}
