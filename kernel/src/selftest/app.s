// The program that the self-test kernel runs. Position-independent; rdi: its data. Calls above 1000 are the test's own.
.section .rodata.app, "a"
.p2align 12
.globl app_start, app_end, app_thread
app_start:
    mov rbx, rdi
    xor r14d, r14d

    // A call by the pattern "mov eax, number; syscall", cold and warm.
    call getppid
    call getppid
    mov rsi, rax
    mov edi, 0
    mov edx, 42
    mov eax, 1000
    syscall

    // Every register but rax, rcx and r11 survives a call; twice: cold, warm.
    mov r12d, 2
2:  mov rdi, 0x1111
    mov rsi, 0x2222
    mov rdx, 0x3333
    mov r8, 0x4444
    mov r9, 0x5555
    mov r10, 0x6666
    mov rbp, 0x7777
    mov r13, 0x8888
    mov eax, 110
    syscall
    mov rax, rdi
    add rax, rsi
    add rax, rdx
    add rax, r8
    add rax, r9
    add rax, r10
    add rax, rbp
    add rax, r13
    dec r12d
    jnz 2b
    mov rsi, rax
    mov edx, 0x1111 * 36
    mov edi, 1
    mov eax, 1000
    syscall

    // Low vector registers survive a kernel that uses them.
    mov rax, 0x123456789abcdef
    movq xmm0, rax
    movq xmm7, rax
    movq xmm15, rax
    mov eax, 1004
    syscall
    movq rsi, xmm0
    movq rdx, xmm7
    and rsi, rdx
    movq rdx, xmm15
    and rsi, rdx
    mov rdx, 0x123456789abcdef
    mov edi, 2
    mov eax, 1000
    syscall

    // Whole vector registers and the fs base survive other threads.
    call set_ymm
    mov eax, 1003
    syscall
    call get_ymm
    mov rdx, 0x123456789abcdef
    mov edi, 3
    mov eax, 1000
    syscall
    mov eax, 1003
    syscall
    call get_ymm
    mov rdx, 0x123456789abcdef
    mov edi, 3
    mov eax, 1000
    syscall

    // The state's way through a signal frame.
    mov eax, 1007
    syscall
    call get_ymm
    mov rdx, 0x123456789abcdef
    mov edi, 8
    mov eax, 1000
    syscall

    // The alignment-check and direction flags neither disturb the kernel nor get lost; cold and warm.
    mov r12d, 5
3:  pushfq
    or qword ptr [rsp], 0x40400
    popfq
    mov eax, 110
    syscall
    pushfq
    pop rsi
    and rsi, 0x40400
    cld
    push 0x202
    popfq
    mov rdx, 0x40400
    mov edi, 9
    mov eax, 1000
    syscall
    dec r12d
    jnz 3b

    // Sites without a patchable mov before them: the following instructions are moved.
    mov r12d, 3
3:  mov ebp, 110
    mov rax, rbp
    nop
    call bare
    dec r12d
    jnz 3b
    mov rsi, rax
    mov edi, 6
    mov edx, 43
    mov eax, 1000
    syscall
    // A jump into the middle of that site: to the instruction after the syscall.
    mov eax, 7
    call bare_after
    mov rsi, rax
    mov edi, 7
    mov edx, 8
    mov eax, 1000
    syscall
    // The long form of the mov.
    mov r12d, 3
3:  call long_mov
    dec r12d
    jnz 3b
    mov rsi, rax
    mov edi, 10
    mov edx, 42
    mov eax, 1000
    syscall

    // A kick reaches a loop without calls.
    xor r14d, r14d
    mov edi, 1000000
    mov eax, 1002
    syscall
4:  test r14, r14
    jz 4b
    mov rsi, r14
    mov edx, 1
    mov edi, 4
    mov eax, 1000
    syscall
    xor edi, edi
    mov eax, 1002
    syscall

    // Warm calls, timed.
    xor edi, edi
    mov eax, 1001
    syscall
    mov r12d, 1000000
5:  mov eax, 110
    syscall
    dec r12d
    jnz 5b
    mov edi, 1000000
    mov eax, 1001
    syscall
    // The other kind.
    xor edi, edi
    mov eax, 1001
    syscall
    mov r12d, 1000000
5:  mov ebp, 110
    mov rax, rbp
    call bare
    dec r12d
    jnz 5b
    mov edi, 1000000
    mov eax, 1001
    syscall

    // Warm calls under a hail of kicks.
    mov edi, 20000
    mov eax, 1002
    syscall
    mov r12d, 3000000
    xor ebp, ebp
    mov r13, rsp
6:  mov eax, 110
    syscall
    add rbp, rax
    add rbp, rsp
    sub rbp, r13
    dec r12d
    jnz 6b
    xor edi, edi
    mov eax, 1002
    syscall
    mov rsi, rbp
    mov edx, 126000000
    mov edi, 5
    mov eax, 1000
    syscall
    mov eax, 1006
    syscall

    // Faults; r15: where to go on.
    lea r15, [rip + 7f]
    mov rax, [0x10]
7:  lea r15, [rip + 7f]
    lea rcx, [rip + app_start]
    mov [rcx], rax
7:  lea r15, [rip + 7f]
    ud2
7:  lea r15, [rip + 7f]
    xor ecx, ecx
    xor edx, edx
    mov eax, 1
    div ecx
7:  lea r15, [rip + 7f]
    int3
7:  lea r15, [rip + 7f]
    hlt
7:  lea r15, [rip + 7f]
    mov rdi, 0x8000000000000000
    mov eax, 1005
    syscall
7:  lea r15, [rip + 7f]
    mov eax, 20
    int 0x80
7:  mov edi, 0
    mov eax, 60
    syscall
    ud2

getppid:
    mov eax, 110
    syscall
    ret
    int3

bare:
    syscall
bare_after:
    inc rax
    cmp rax, -4095
    ret
    int3

long_mov:
    mov rax, 110
    syscall
    ret
    int3

set_ymm:
    mov rax, 0x123456789abcdef
    movq xmm5, rax
    punpcklqdq xmm5, xmm5
    vinsertf128 ymm5, ymm5, xmm5, 1
    ret

get_ymm:
    vextractf128 xmm6, ymm5, 1
    movq rsi, xmm6
    movhlps xmm6, xmm6
    movq rax, xmm6
    and rsi, rax
    ret

// The other thread: ruins the vector registers and goes back, for ever. Its fs base is 0x12345000.
app_thread:
8:  vxorps ymm5, ymm5, ymm5
    mov eax, 1003
    syscall
    jmp 8b
app_end:
.text
