# One build, one target and one image a service: docker build --target command-service .
# TALLY_PACKAGES chooses the package set (docs/decisions/0001-two-package-sets.md); full needs a registry that holds all of it.
ARG DOTNET_SDK=10.0.401
ARG DOTNET=10.0.12

FROM mcr.microsoft.com/dotnet/sdk:${DOTNET_SDK}-noble AS build
ARG TALLY_PACKAGES=full
WORKDIR /source
COPY . .
RUN deploy/compose/build.sh "$TALLY_PACKAGES" /publish

# What the mirror set takes from the system instead of from a package, with the libraries that it needs and the runtime image lacks.
FROM mcr.microsoft.com/dotnet/sdk:${DOTNET_SDK}-noble AS native
ARG TALLY_PACKAGES=full
COPY deploy/compose/native.sh /
RUN /native.sh "$TALLY_PACKAGES" /native

# Chiselled: no shell, no package manager, a user of its own (1654).
FROM mcr.microsoft.com/dotnet/aspnet:${DOTNET}-noble-chiseled AS runtime
COPY --from=native /native/ /
# For what a service may keep on its own disk; everything else is read-only.
COPY --from=build --chown=1654:1654 /publish/empty /data
WORKDIR /app
USER 1654
ENV Http__Bind=0.0.0.0

FROM runtime AS command-service
COPY --from=build /publish/command-service .
EXPOSE 8081
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["dotnet", "Tally.CommandService.dll", "health"]
ENTRYPOINT ["dotnet", "Tally.CommandService.dll"]

FROM runtime AS processor-service
COPY --from=build /publish/processor-service .
EXPOSE 8083
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["dotnet", "Tally.ProcessorService.dll", "health"]
ENTRYPOINT ["dotnet", "Tally.ProcessorService.dll"]

FROM runtime AS materializer-service
COPY --from=build /publish/materializer-service .
EXPOSE 8084
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["dotnet", "Tally.MaterializerService.dll", "health"]
ENTRYPOINT ["dotnet", "Tally.MaterializerService.dll"]

FROM runtime AS query-service
COPY --from=build /publish/query-service .
EXPOSE 8082
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["dotnet", "Tally.QueryService.dll", "health"]
ENTRYPOINT ["dotnet", "Tally.QueryService.dll"]
