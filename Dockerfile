# One build, an image a service: docker build --target command-service .
ARG DOTNET=10.0
FROM mcr.microsoft.com/dotnet/sdk:${DOTNET} AS build
ARG TALLY_PACKAGES=full
WORKDIR /source
COPY . .
RUN printf '<Project><PropertyGroup><TallyPackages>%s</TallyPackages></PropertyGroup></Project>\n' "$TALLY_PACKAGES" > packages.local.props \
 && dotnet restore Tally.slnx \
 || { echo "Package set $TALLY_PACKAGES does not restore here: build with --build-arg TALLY_PACKAGES=mirror" >&2; exit 1; }
RUN for service in command-service processor-service materializer-service query-service; do \
      dotnet publish $service -c Release --no-restore -o /publish/$service || exit 1; \
    done

FROM mcr.microsoft.com/dotnet/aspnet:${DOTNET} AS runtime
ARG TALLY_PACKAGES=full
# Only the mirror set takes librdkafka from the system.
RUN if [ "$TALLY_PACKAGES" = mirror ]; then apt-get update && apt-get install -y --no-install-recommends librdkafka1 && rm -rf /var/lib/apt/lists/*; fi
WORKDIR /app
USER $APP_UID

FROM runtime AS command-service
COPY --from=build /publish/command-service .
ENTRYPOINT ["dotnet", "Tally.CommandService.dll"]

FROM runtime AS processor-service
COPY --from=build /publish/processor-service .
ENTRYPOINT ["dotnet", "Tally.ProcessorService.dll"]

FROM runtime AS materializer-service
COPY --from=build /publish/materializer-service .
ENTRYPOINT ["dotnet", "Tally.MaterializerService.dll"]

FROM runtime AS query-service
COPY --from=build /publish/query-service .
ENTRYPOINT ["dotnet", "Tally.QueryService.dll"]
